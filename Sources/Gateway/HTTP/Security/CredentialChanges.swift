/// Told when a device's credentials were stored or deleted; returns once the broker knows them.
package protocol CredentialChanges: Sendable {
    func changed(device: String) async
}

extension CredentialChanges {
    /// The same of many, all at once.
    func changed(devices: [String]) async {
        await withDiscardingTaskGroup { group in
            for device in devices { group.addTask { await changed(device: device) } }
        }
    }
}
