import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// A device's keys and certificates: issued or registered, rotated, listed, revoked. Which number was given is in the
/// device's stream, and by whom.
struct CredentialRoutes: Sendable {
    let routes: DeviceRoutes
    let keys: any DeviceKeys
    let certificates: DeviceCertificates

    var all: [Route] {
        let path = "/api/v1/devices/{id}/credentials"
        return [
            .guarded(.get, path, needs: .readFleet, list),
            .guarded(.post, path, needs: .manageDevices, issue),
            .guarded(.post, "\(path)/rotate", needs: .manageDevices, rotate),
            .guarded(.delete, "\(path)/{key}", needs: .manageDevices, revoke),
        ]
    }

    /// Seconds in which old and new keys work, unless the request says otherwise.
    private static let usualOverlap = 3_600
    private static let longestOverlap = 90 * 86_400

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        try exchange.query.allow()
        guard try await routes.row(id, scope: caller.scope) != nil else { throw .noDevice }
        let found: [DeviceCredential]
        do throws(DeviceKeysError) {
            found = try await keys.credentials(of: id)
        } catch {
            throw Problem(error)
        }
        return try .json(ListAnswer(items: found.map { CredentialAnswer($0) }, next: nil))
    }

    private func issue(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let certificate = try fields.optionalCertificate()
        try fields.finish(known: "certificate")
        return try await give(exchange, caller, certificate, overlap: nil)
    }

    private func rotate(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let overlap = try fields.optionalWholeNumber("overlapSeconds") ?? Self.usualOverlap
        let certificate = try fields.optionalCertificate()
        try fields.finish(known: "certificate, overlapSeconds")
        guard (0...Self.longestOverlap).contains(overlap) else {
            throw .malformed("overlapSeconds", "overlapSeconds must be from 0 to \(Self.longestOverlap).")
        }
        return try await give(exchange, caller, certificate, overlap: .seconds(overlap))
    }

    /// Registers the certificate, or makes a new key; the others end after the overlap if there is one.
    private func give(
        _ exchange: Exchange, _ caller: Caller, _ certificate: PresentedCertificate?, overlap: Duration?
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        _ = try await routes.memory(of: id, caller)
        let context = exchange.context(for: caller)
        let (fact, apiKey) = (certificate?.fact, certificate == nil ? DeviceKey.random() : nil)
        let row = certificate.map { DeviceCredentialRows.further($0.fact, $0.sha256, of: id) }
        // The old ones first, or the new one would end with them.
        let rows = [
            overlap.map { DeviceCredentialRows.expiry(of: id, at: context.time + $0) },
            row ?? apiKey.map { DeviceCredentialRows.further($0.hash, of: id) },
        ].compactMap { $0 }
        let command: Device.Command =
            overlap.map { .rotateCredentials(overlap: $0, to: fact) } ?? .issueCredential(fact)
        let receipt = try await certificates.registering(certificate, key) { () throws(Problem) in
            try await routes.send(
                CommandEnvelope(
                    id: key?.commandID ?? .v7(), command, context: context, expectedVersion: expected, sideRows: rows,
                    fingerprint: key?.fingerprint), to: id)
        }
        await routes.credentials.changed(device: id)
        var answer = try await issued(by: receipt)
        // A repetition does not show the key again, since only its holder knows it.
        if receipt.effect != .duplicate { answer.apiKey = apiKey?.text }
        return try .json(answer, status: .created, headers: .after(receipt))
    }

    private func revoke(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        guard let number = Int(exchange.parameter("key")) else { throw .noCredential }
        _ = try await routes.memory(of: id, caller)
        let receipt = try await routes.send(
            CommandEnvelope(
                id: key?.commandID ?? .v7(), .revokeCredential(key: number), context: exchange.context(for: caller),
                expectedVersion: expected, sideRows: [DeviceCredentialRows.deletion(of: number, of: id)],
                fingerprint: key?.fingerprint), to: id)
        await routes.credentials.changed(device: id)
        return Response(status: .noContent, headers: .after(receipt))
    }

    /// The number of the key that a command has led to, the first time and each time after.
    private func issued(by receipt: CommandReceipt) async throws(Problem) -> IssuedCredential {
        let event: RecordedEvent?
        do throws(EventStoreError) {
            event = try await routes.store.readStream(receipt.stream, from: receipt.version, limit: 1).first
        } catch {
            throw Problem(error)
        }
        switch try? event.map({ try Device.codec.decode($0) }) {
        case .credentialIssued(let fact):
            return IssuedCredential(key: fact.key, certificate: fact.certificate.map { CertificateAnswer($0) })
        case .credentialsRotated(let fact):
            return IssuedCredential(
                key: fact.key, othersExpireTime: fact.othersExpire,
                certificate: fact.certificate.map { CertificateAnswer($0) })
        default: throw .internalFailure(cause: "no key was issued at version \(receipt.version) of \(receipt.stream)")
        }
    }
}

private struct IssuedCredential: Encodable {
    var key: Int
    var othersExpireTime: Timestamp?
    /// Only this once.
    var apiKey: String?
    var certificate: CertificateAnswer?
}

private struct CertificateAnswer: Encodable {
    var sha256: String
    var subject: String
    var notAfterTime: Timestamp

    init(_ certificate: DeviceCertificate) {
        sha256 = certificate.sha256
        subject = certificate.subject
        notAfterTime = certificate.notAfter
    }
}

private struct CredentialAnswer: Encodable {
    var key: Int
    var createdTime: Timestamp
    var expiresTime: Timestamp?
    var lastUsedTime: Timestamp?
    /// Absent for a key.
    var certificate: CertificateAnswer?

    init(_ credential: DeviceCredential) {
        key = credential.key
        createdTime = credential.created
        expiresTime = credential.expires
        lastUsedTime = credential.lastUsed
        certificate = credential.certificate.map { CertificateAnswer($0) }
    }
}

extension RequestFields {
    fileprivate mutating func optionalCertificate() throws(Problem) -> PresentedCertificate? {
        guard let text = try optionalText("certificate") else { return nil }
        return try PresentedCertificate(pem: text)
    }
}
