/// Told when a device's credentials were stored or deleted; returns once the broker knows them.
package protocol CredentialChanges: Sendable {
    func changed(device: String) async
}
