import Crypto
package import Foundation
import Installation

extension ThrowawayBroker {
    /// Tells the broker's guard that this device, and nobody else, has this certificate, in DER.
    package func admit(_ device: String, certificate: [UInt8]) async throws {
        try await admit([device: (UInt8(3), SHA256.hash(data: Data(certificate)))])
    }

    /// Tells the broker's guard that these devices, and nobody else, have these keys; by device.
    package func admit(_ keys: [String: String]) async throws {
        try await admit(keys.mapValues { (UInt8(1), SHA256.hash(data: Data($0.utf8))) })
    }

    private func admit(_ proofs: [String: (kind: UInt8, digest: SHA256Digest)]) async throws {
        let load = word(7, as: UInt64.self)
        let entries = proofs.reduce(into: Data()) { data, entry in
            let unlimited = Data(repeating: 0, count: 16)
            data +=
                [UInt8(entry.key.utf8.count)] + Data(entry.key.utf8) + word(1, as: UInt64.self) + [0, 0] + unlimited
            data +=
                [1] + word(1, as: UInt16.self) + word(0, as: UInt32.self) + [entry.value.kind]
                + entry.value.digest
        }
        let count = word(proofs.count, as: UInt32.self)
        try await control("B", load + [0] + count + [0])
        try await control("E", load + entries)
        try await control("C", load + word(1, as: UInt32.self) + word(1, as: UInt64.self))
    }

    /// Says something to the guard as the gateway; `Sources/BrokerGuard/Control.h` describes the form.
    package func control(_ kind: Character, _ body: Data) async throws {
        let file = folder + "/control-\(UInt32.random(in: .min ... .max))"
        try (Data("FG".utf8) + [1] + Data(String(kind).utf8) + body).write(to: URL(fileURLWithPath: file))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_pub")
        process.arguments = [
            "-h", address, "-p", "\(port)", "-u", "fleetlog", "-P", files.gatewayPassword, "-q", "1",
            "-t", "$CONTROL/fleetlog/v1", "-f", file,
        ]
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
    }

    private func word<Number: FixedWidthInteger>(_ number: Int, as type: Number.Type) -> Data {
        withUnsafeBytes(of: Number(number).bigEndian) { Data($0) }
    }
}
