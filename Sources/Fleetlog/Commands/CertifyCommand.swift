import ArgumentParser
import Foundation
import Installation

struct CertifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certify", abstract: "Issue an X.509 certificate for a device, and register it.",
        discussion: """
            Signs with the installation's authority for devices, or with the one that is given. Without --request it makes \
            the private key too, DEVICE.key beside DEVICE.crt (mode 0600): bring it to the device, and keep no copy. \
            Better let the device make its key, and send a request.
            """)

    @Argument(help: "The device's id.")
    var device: String

    @Option(help: "A request for a certificate in PEM, by the device; its subject does not matter.")
    var request: String?

    @Option(help: "Folder that the certificate is written to.")
    var out = "."

    @Option(help: "Days that the certificate is valid, 1 to 3650.")
    var days = 365

    @Option(help: "Ends the device's other keys and certificates after as many seconds; without it they stay.")
    var overlap: Int?

    @Option(help: "Certificate of the authority; without it that of the installation under --folder.")
    var ca: String?

    @Option(help: "Private key of the authority; without it that of the installation under --folder.")
    var caKey: String?

    @OptionGroup var server: APIOptions

    private var certificateFile: String { "\(out)/\(device).crt" }
    private var keyFile: String { "\(out)/\(device).key" }

    func validate() throws {
        let isPlausible = (1...31).contains(device.utf8.count) && device.utf8.allSatisfy(Self.isLetter)
        guard isPlausible else { throw ValidationError("'\(device)' cannot be the id of a device") }
        guard (1...3_650).contains(days) else { throw ValidationError("--days must be from 1 to 3650") }
        guard (ca == nil) == (caKey == nil) else { throw ValidationError("give --ca and --ca-key together") }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }

    func run() async throws { try await run(patience: .seconds(60)) }

    /// - Parameter patience: how long it asks again while it is not known whether the certificate is registered.
    func run(patience: Duration) async throws {
        let (address, token) = (try server.address(), try server.accessToken())
        let authority =
            if let ca, let caKey { DeviceCertificateAuthority(certificate: ca, key: caKey) } else {
                DeviceCertificateAuthority(of: server.folder)
            }
        guard authority.isAtHand else {
            throw SettingsError(
                "\(authority.key) cannot be read: run it where 'fleetlog up' runs, or give --ca and --ca-key")
        }
        guard !FileManager.default.fileExists(atPath: certificateFile) else {
            throw SettingsError("\(certificateFile) exists already: give another folder with --out")
        }
        let text = try await issued(by: authority)
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: certificateFile), options: .withoutOverwriting)
        } catch {
            removeFiles()
            throw error
        }
        try await register(text, at: address, token: token, patience: patience)
        try Console.answer("Certificate: \(certificateFile)" + (request == nil ? ", private key: \(keyFile)" : ""))
        if let port = PrivateBroker.certificatePort(in: server.folder) {
            try Console.answer("Send a reading:")
            try Console.answer(
                "  mosquitto_pub -V mqttv5 -q 1 -h localhost -p \(port) --cafile \(server.folder)/mosquitto/tls/ca.crt "
                    + "--cert \(certificateFile) --key \(request == nil ? keyFile : "DEVICE.key") "
                    + "-t devices/\(device)/telemetry -m '{\"temperature\":21.5}'")
        }
    }

    private func issued(by authority: DeviceCertificateAuthority) async throws -> String {
        if let request {
            guard let text = try? String(contentsOfFile: request, encoding: .utf8) else {
                throw SettingsError("\(request) cannot be read")
            }
            return try await authority.sign(text, for: device, days: days)
        }
        try FileManager.default.createDirectory(
            atPath: out, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard !FileManager.default.fileExists(atPath: keyFile) else {
            throw SettingsError("\(keyFile) exists already: give another folder with --out")
        }
        do {
            let made = try await DeviceCertificateAuthority.makeKey(for: device, in: keyFile)
            return try await authority.sign(made, for: device, days: days)
        } catch {
            removeFiles()
            throw error
        }
    }

    /// What is left of an attempt would only look as if it were of use.
    private func removeFiles() {
        try? FileManager.default.removeItem(atPath: certificateFile)
        if request == nil { try? FileManager.default.removeItem(atPath: keyFile) }
    }

    /// - Throws: `SettingsError` if the server refuses it, or does not say in time; then the files stay, since they may
    ///   be the device's way in by now.
    private func register(_ certificate: String, at address: URL, token: String, patience: Duration) async throws {
        struct Body: Encodable {
            var certificate: String
            var overlapSeconds: Int?
        }
        let path = "api/v1/devices/\(device)/credentials" + (overlap == nil ? "" : "/rotate")
        let post = RepeatedPost(
            url: address.appendingPathComponent(path).absoluteString, token: token, idempotencyKey: UUID().uuidString,
            patience: patience, waitsForServer: false)
        let reason: String
        do {
            let (answer, mayBeDone) = try await post.send(
                JSONEncoder().encode(Body(certificate: certificate, overlapSeconds: overlap)))
            if answer.status == 201 { return }
            if (400..<500).contains(answer.status), !mayBeDone { throw refusal(answer.reason) }
            reason = answer.reason
        } catch let error as RepeatedPost.Unanswered {
            guard error.mayHaveArrived else { throw refusal(error.reason) }
            reason = error.reason
        }
        throw SettingsError(
            """
            nobody has said whether the certificate is registered: \(reason)
            \(certificateFile) stays\(request == nil ? ", and \(keyFile)" : ""). Look whether 'GET \
            /api/v1/devices/\(device)/credentials' lists the SHA-256 that \
            'openssl x509 -in \(certificateFile) -outform DER | sha256sum' prints. If so, use it; else remove what stays, \
            and certify the device again.
            """)
    }

    private func refusal(_ reason: String) -> SettingsError {
        removeFiles()
        return SettingsError("the server does not register the certificate: \(reason)")
    }
}
