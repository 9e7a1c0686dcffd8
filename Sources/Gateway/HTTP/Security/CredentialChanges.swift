/// Told when devices' credentials were stored or deleted; returns once the broker knows them.
package protocol CredentialChanges: Sendable {
    func changed(devices: [String]) async
}

extension CredentialChanges {
    package func changed(device: String) async { await changed(devices: [device]) }
}
