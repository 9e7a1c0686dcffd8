import HTTPTypes
import Runtime

/// Refuses certificates that the broker would refuse, and those that were registered before.
struct DeviceCertificates: Sendable {
    let keys: any DeviceKeys
    let store: any EventStore
    /// Anybody may have signed them if nil.
    let authority: DeviceAuthority?

    /// Does work that registers the certificate.
    ///
    /// Whoever asks first is refused without work; of two at once the database stores one, and the other is told why.
    ///
    /// - Throws: 422 for one of another authority, 409 for one that was registered before.
    func registering<Value>(
        _ certificate: PresentedCertificate?, _ key: IdempotencyKey?, _ work: () async throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        guard let certificate else { return try await work() }
        if let authority, !authority.hasSigned(certificate) { throw .certificateUntrusted }
        try await requireNew(certificate, key)
        do throws(Problem) {
            return try await work()
        } catch {
            if [.badRequest, .serviceUnavailable].contains(error.status) { try await requireNew(certificate, key) }
            throw error
        }
    }

    private func requireNew(_ certificate: PresentedCertificate, _ key: IdempotencyKey?) async throws(Problem) {
        let isRegistered: Bool
        do throws(DeviceKeysError) {
            isRegistered = try await keys.isRegistered(certificate: certificate.sha256)
        } catch {
            throw Problem(error)
        }
        // A repetition is answered as the first time.
        guard isRegistered, try await key?.firstReceipt(in: store) == nil else { return }
        throw .certificateUsed
    }
}
