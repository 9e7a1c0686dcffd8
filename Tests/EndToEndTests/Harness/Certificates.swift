import Foundation
import Installation
import Support

/// A way to one of the broker's ports with TLS, with or without a certificate.
struct TLSWay: Sendable {
    private let relay: ReceiverProcess
    private let system: TestedSystem

    init(_ system: TestedSystem, port: Int?, with own: TestAuthority.Issued? = nil) async throws {
        guard let port else { throw Wrong("the broker has no such port") }
        self.system = system
        relay = try await ReceiverProcess(
            "tls_relay.py",
            ["\(port)", system.broker.files.certificateAuthority] + (own.map { [$0.certificate, $0.key] } ?? []))
    }

    func open(_ login: MQTTLogin) async throws -> MQTTConnection {
        try await MQTTConnection.open(port: relay.port, login, on: system.thread)
    }

    func isRefused(_ login: MQTTLogin) async throws {
        do {
            _ = try await open(login)
        } catch let failure as MQTTConnection.Failure {
            if case .timedOut = failure { throw Wrong("the broker does not answer a CONNECT") }
            return
        }
        throw Wrong("\(login.user ?? "nobody") came in with client id \(login.clientID)")
    }
}

extension TestedSystem {
    /// To the port at which devices prove themselves by certificates.
    func way(with own: TestAuthority.Issued?) async throws -> TLSWay {
        try await TLSWay(self, port: broker.certificatePort, with: own)
    }

    /// The authority that the broker asks for.
    func authority() async throws -> TestAuthority {
        try await TestAuthority(DeviceCertificateAuthority(of: broker.folder))
    }
}

extension API {
    /// Registers the certificate, and returns its number.
    func certify(
        _ device: String, by certificate: TestAuthority.Issued, overlap: Int? = nil
    ) async throws -> Int {
        struct Given: Decodable { var key: Int }
        var body: [String: Any] = ["certificate": certificate.text]
        if let overlap { body["overlapSeconds"] = overlap }
        let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        let path = "/api/v1/devices/\(device)/credentials" + (overlap == nil ? "" : "/rotate")
        let answer = try await send("POST", path, text)
        guard answer.status == 201 else { throw Wrong("the certificate was not registered: \(answer.text)") }
        return try answer.value(Given.self).key
    }
}
