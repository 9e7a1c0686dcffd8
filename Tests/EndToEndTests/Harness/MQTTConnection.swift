import Foundation
import Runtime

/// A device's connection to the broker. One task uses it.
actor MQTTConnection {
    enum Failure: Error {
        case refused(reason: UInt8)
        case lost, timedOut
    }

    private let socket: CInt
    private let thread: PollThread
    private var unread: [UInt8] = []
    private var nextPacketID: UInt16 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    static func open(
        port: Int, user: String, password: String, on thread: PollThread
    ) async throws -> MQTTConnection {
        let connection = try MQTTConnection(port: port, on: thread)
        try await connection.greet(user: user, password: password)
        return connection
    }

    /// - Throws: `refused` with the reason, `lost` if the broker ends the connection without one.
    static func open(port: Int, _ login: MQTTLogin, on thread: PollThread) async throws -> MQTTConnection {
        let connection = try MQTTConnection(port: port, on: thread)
        try await connection.write(login.packet)
        guard case .connectionAcknowledged(let reason) = try await connection.packet(until: .now + .seconds(20)) else {
            throw Failure.timedOut
        }
        guard reason == 0 else { throw Failure.refused(reason: reason) }
        return connection
    }

    /// One that says nothing.
    static func silent(port: Int, on thread: PollThread) throws -> MQTTConnection {
        try MQTTConnection(port: port, on: thread)
    }

    private init(port: Int, on thread: PollThread) throws {
        self.thread = thread
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // To the loopback interface it connects at once or never.
        let status = withUnsafeBytes(of: &name) {
            connect(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard status == 0 else { throw Failure.lost }
        var yes: CInt = 1
        setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    deinit { close(socket) }

    private func greet(user: String, password: String) async throws {
        let id = "\(user)-\(UInt32.random(in: 0 ... .max))"
        try await write(MQTTPacket.connect(clientID: id, user: user, password: password))
        guard case .connectionAcknowledged(let reason) = try await packet(until: .now + .seconds(10)) else {
            throw Failure.timedOut
        }
        guard reason == 0 else { throw Failure.refused(reason: reason) }
    }

    /// Sends a message and returns the packet id under which it will be acknowledged.
    func publish(_ payload: [UInt8], to topic: String) async throws -> UInt16 {
        let id = takePacketID()
        try await write(MQTTPacket.publish(payload, to: topic, packetID: id))
        return id
    }

    /// Publishes and waits for the broker's answer, its reason code.
    @discardableResult
    func deliver(_ payload: [UInt8], to topic: String) async throws -> UInt8 {
        let id = try await publish(payload, to: topic)
        while let packet = try await packet(until: .now + .seconds(20)) {
            if case .publishAcknowledged(id, let reason) = packet { return reason }
        }
        throw Failure.timedOut
    }

    func subscribe(to filter: String) async throws {
        let id = takePacketID()
        try await write(MQTTPacket.subscribe(to: filter, packetID: id))
        while let packet = try await packet(until: .now + .seconds(10)) {
            guard case .subscribed(id, let reason) = packet else { continue }
            guard reason <= 2 else { throw Failure.refused(reason: reason) }
            return
        }
        throw Failure.timedOut
    }

    /// The next packet; nil if none came before the deadline. What is published to us is acknowledged.
    func packet(until deadline: ContinuousClock.Instant) async throws -> MQTTPacket? {
        while true {
            if let (packet, length) = MQTTPacket.first(in: unread[...]) {
                unread.removeFirst(length)
                if case .published(_, _, let id?) = packet { try await write(MQTTPacket.acknowledge(packetID: id)) }
                if case .disconnected(let reason) = packet { throw Failure.refused(reason: reason) }
                return packet
            }
            var bytes = [UInt8](repeating: 0, count: 16_384)
            let count = recv(socket, &bytes, bytes.count, 0)
            if count > 0 {
                unread += bytes[..<count]
            } else if count < 0, errno == EAGAIN {
                guard try await isReady(for: .read, until: deadline) else { return nil }
            } else {
                throw Failure.lost
            }
        }
    }

    private func takePacketID() -> UInt16 {
        nextPacketID = nextPacketID == .max ? 1 : nextPacketID + 1
        return nextPacketID
    }

    func write(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                guard try await isReady(for: .write, until: .now + .seconds(20)) else { throw Failure.timedOut }
            } else {
                throw Failure.lost
            }
        }
    }

    private func isReady(for interest: Readiness, until deadline: ContinuousClock.Instant) async throws -> Bool {
        do {
            _ = try await thread.readiness(of: socket, for: interest, deadline: deadline)
            return true
        } catch {
            if case .timedOut = error { return false }
            throw error
        }
    }
}
