import Foundation
import Support
import Testing

@testable import Installation

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A port that nobody has asked for` {
    @Test func `is the usual one if that is free, and nothing is said`() throws {
        let usual = try spacious()
        let choice = PortChoice(usually: usual, in: try ThrowawayFolder.make())
        #expect(choice == .usual(usual))
        #expect(choice.notice == nil)
    }

    @Test func `is another one if another program has the usual one, and what to do about it is said`() throws {
        let usual = try spacious()
        let squatter = try Squatter(at: usual.number)
        defer { squatter.leave() }
        let choice = PortChoice(usually: usual, in: try ThrowawayFolder.make())
        #expect(choice.port?.number == usual.number + 10_000)
        let notice = try #require(choice.notice)
        for part in ["\(usual.number)", "\(usual.number + 10_000)", "MQTT over TLS", "--mqtt-tls-port", "Stop"] {
            #expect(notice.contains(part), "\(part)")
        }
        // The same again, as long as it is so.
        #expect(PortChoice(usually: usual, in: try ThrowawayFolder.make()) == choice)
    }

    @Test func `is the usual one if the broker that was left running has it`() async throws {
        let usual = try spacious()
        let broker = try await ThrowawayBroker.start(tlsPort: usual.number)
        #expect(PortChoice(usually: usual, in: broker.folder) == .usual(usual))
        await broker.remove()
    }

    @Test func `is another one if the broker had the usual one once, and somebody else has it now`() async throws {
        let usual = try spacious()
        let broker = try await ThrowawayBroker.start(tlsPort: usual.number)
        await broker.stop()
        let squatter = try Squatter(at: usual.number)
        defer { squatter.leave() }
        let port = try #require(PortChoice(usually: usual, in: broker.folder).port)
        let again = try ThrowawayBroker.prepare(in: broker.folder, port: broker.port, tlsPort: port.number)
        try await again.start()
        // It stays there for who takes that broker over.
        #expect(PortChoice(usually: usual, in: broker.folder).port == port)
        await again.remove()
    }

    @Test func `is none if all that may be chosen are in use`() throws {
        let usual = PortCheck(65_000, for: "MQTT over TLS", flag: "--mqtt-tls-port", variable: "FLEETLOG_MQTT_TLS_PORT")
        let squatter = try? Squatter(at: usual.number)
        defer { squatter?.leave() }
        let choice = PortChoice(usually: usual, in: try ThrowawayFolder.make())
        #expect(choice.port == nil)
        #expect(choice.notice?.contains("there is none now") == true)
    }

    /// A port that is free, as is the one 10,000 above it.
    private func spacious() throws -> PortCheck {
        for number in (20_000..<30_000).shuffled() {
            let port = PortCheck(
                number, for: "MQTT over TLS", flag: "--mqtt-tls-port", variable: "FLEETLOG_MQTT_TLS_PORT")
            if (try? port.check()) != nil, (try? port.with(number + 10_000).check()) != nil { return port }
        }
        throw Unexpected(what: "no port is free")
    }
}

/// Somebody else's server.
private struct Squatter {
    private let socket: CInt

    init(at port: Int) throws {
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafeBytes(of: &name) {
            bind(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard status == 0, listen(socket, 1) == 0 else {
            close(socket)
            throw Unexpected(what: "port \(port) cannot be taken")
        }
    }

    func leave() { close(socket) }
}
