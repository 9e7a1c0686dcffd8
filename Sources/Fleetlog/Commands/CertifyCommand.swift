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

    func run() async throws {
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
            try await register(text, at: address, token: token)
        } catch {
            removeFiles()
            throw error
        }
        Console.say("Certificate: \(certificateFile)" + (request == nil ? ", private key: \(keyFile)" : ""))
        if let port = PrivateBroker.certificatePort(in: server.folder) {
            Console.say("Send a reading:")
            Console.say(
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
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
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

    private func register(_ certificate: String, at address: URL, token: String) async throws {
        struct Body: Encodable {
            var certificate: String
            var overlapSeconds: Int?
        }
        struct Problem: Decodable { var detail: String }
        let path = "api/v1/devices/\(device)/credentials" + (overlap == nil ? "" : "/rotate")
        do throws(BlockingPost.Failed) {
            let body = try? JSONEncoder().encode(Body(certificate: certificate, overlapSeconds: overlap))
            let answer = try await BlockingPost.send(
                body ?? Data(), to: address.appendingPathComponent(path).absoluteString, token: token)
            guard answer.status != 201 else { return }
            let problem = try? JSONDecoder().decode(Problem.self, from: answer.body)
            throw BlockingPost.Failed(reason: problem?.detail ?? "it answered \(answer.status)")
        } catch {
            throw SettingsError("the server does not register the certificate: \(error.reason)")
        }
    }
}
