import ArgumentParser
import Foundation
import Installation
import Support
import Synchronization
import Testing

@testable import Fleetlog

@Suite(.timeLimit(.minutes(1))) struct `A certificate for a device` {
    /// What came of certifying a device at a server that answers so, and the files that are left.
    private func certify(
        patience: Duration, _ handler: @escaping @Sendable (FakeServer.Request) -> FakeServer.Answer?
    ) async throws -> (complaint: String?, files: [String]) {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let authority = try await TestAuthority()
        defer { authority.remove() }
        let server = try FakeServer(handler)
        defer { server.stop() }
        let command = try CertifyCommand.parse([
            "device-1", "--out", folder + "/out", "--ca", authority.authority.certificate, "--ca-key",
            authority.authority.key, "--api", server.url.absoluteString, "--token", "t", "--folder", folder,
        ])
        var complaint: String?
        do {
            try await command.run(patience: patience)
        } catch {
            complaint = "\(error)"
        }
        return (complaint, try FileManager.default.contentsOfDirectory(atPath: folder + "/out").sorted())
    }

    @Test func `is registered by the same request again if the answer is lost`() async throws {
        let seen = Mutex<[FakeServer.Request]>([])
        let (complaint, files) = try await certify(patience: .seconds(60)) { request in
            let count = seen.withLock { requests in
                requests.append(request)
                return requests.count
            }
            return count == 1 ? nil : count == 2 ? .init(status: 504) : .init(status: 201)
        }
        #expect(complaint == nil && files == ["device-1.crt", "device-1.key"])
        let requests = seen.withLock { $0 }
        #expect(requests.count == 3 && Set(requests.map(\.body)).count == 1)
        let keys = Set(requests.map { $0.headers["idempotency-key"] })
        #expect(keys.count == 1 && keys.first??.isEmpty == false)
    }

    @Test(arguments: [nil, 504, 503, 500])
    func `stays, with its key, while it may be registered`(_ status: Int?) async throws {
        let (complaint, files) = try await certify(patience: .zero) { _ in status.map { .init(status: $0) } }
        #expect(files == ["device-1.crt", "device-1.key"])
        #expect(complaint?.contains("/api/v1/devices/device-1/credentials") == true, "\(complaint ?? "")")
    }

    @Test func `stays if what refuses it says nothing of the request before`() async throws {
        let isFirst = Mutex(true)
        let (complaint, files) = try await certify(patience: .seconds(60)) { _ in
            let first = isFirst.withLock { value in
                defer { value = false }
                return value
            }
            return first ? nil : .init(status: 401, body: #"{"detail":"revoked"}"#)
        }
        #expect(files == ["device-1.crt", "device-1.key"] && complaint?.contains("revoked") == true)
    }

    @Test(arguments: [404, 409, 422, 429])
    func `is removed with its key when the server refuses it`(_ status: Int) async throws {
        let (complaint, files) = try await certify(patience: .zero) { _ in
            .init(status: status, body: #"{"detail":"not this one"}"#)
        }
        #expect(files.isEmpty)
        #expect(complaint?.hasSuffix("the server does not register the certificate: not this one") == true)
    }
}
