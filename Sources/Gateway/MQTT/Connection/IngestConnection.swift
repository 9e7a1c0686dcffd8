import Glibc
package import Runtime

/// The connection that telemetry comes in by: reads a round, waits until it is settled, acknowledges it.
///
/// libmosquitto queues an acknowledgement as soon as it has read a message, and all packets share one queue. So this
/// connection writes while it connects and while it acknowledges, and in no other state; it sends nothing of its own.
/// One task uses it. `abandon()` closes the socket without DISCONNECT: the broker delivers the round again.
package actor IngestConnection {
    private enum State {
        case closed
        case connecting(MosquittoClient)
        /// Every message handed over so far is acknowledged; the acknowledgements of what is read now must wait.
        case reading(MosquittoClient)
        /// The caller has a round, or the first parts of one.
        case holding(MosquittoClient, Round)
        case acknowledging(MosquittoClient)
    }

    /// When a round is full.
    package struct RoundLimit: Sendable {
        package var messages = 4_000
        /// The first round of a connection; each round after it may be twice as large. So a server that ends early again
        /// and again acknowledges what its predecessors have stored before it stores more.
        package var firstMessages = 64
        package var bytes = 16 << 20
        /// From its first message on; what is read by then is acknowledged as soon as it is settled.
        package var time = Duration.milliseconds(50)
        /// The same as long as parts are full, so that more waits at the broker: the log stands still from a round's last
        /// commit to the next one's first message.
        package var backlogTime = Duration.milliseconds(200)
        /// Messages that are handed over at one go, and how long the next ones are read for.
        package var partMessages = 500
        package var partTime = Duration.milliseconds(10)
        /// How long a round waits for its next message; what came before is on its way to the log meanwhile.
        package var partPatience = Duration.milliseconds(2)
        package init() {}
    }

    /// What was handed over of the open round.
    private struct Round {
        var messages: Int
        var bytes: Int
        var start: ContinuousClock.Instant
        var lastPart: Int
    }

    /// As many messages as the broker may have under way to us.
    static let receiveMaximum: UInt16 = 4_000
    private static let patience = Duration.seconds(10)

    private let address: BrokerAddress
    private let clientID: String
    private let topics: [String]
    private let limit: RoundLimit
    /// How many messages the next round may have.
    private var roundMessages: Int
    private let thread: PollThread
    private var state = State.closed
    /// The broker has begun a new session, and the log does not say so yet. A later connection finds that session, and
    /// must not take its first messages for those that the session before had under way with the same packet ids.
    private var sessionIsUnrecorded = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init(
        to address: BrokerAddress, clientID: String, topics: [String], limit: RoundLimit = RoundLimit(),
        on thread: PollThread
    ) {
        self.address = address
        self.clientID = clientID
        self.topics = topics
        self.limit = limit
        roundMessages = min(limit.firstMessages, limit.messages)
        self.thread = thread
    }

    /// Connects to the session and subscribes; returns whether the broker still had the session that the log knows of.
    package func connect() async throws(MQTTError) -> Bool {
        guard case .closed = state else { throw .misuse("connected already") }
        let client = try MosquittoClient(
            address,
            .init(
                clientID: clientID, cleanStart: false, sessionExpiry: .max, receiveMaximum: Self.receiveMaximum,
                keepAlive: 0))
        state = .connecting(client)
        do throws(MQTTError) {
            let present = try await greet(client)
            state = .reading(client)
            roundMessages = min(limit.firstMessages, limit.messages)
            if !present { sessionIsUnrecorded = true }
            return !sessionIsUnrecorded
        } catch {
            state = .closed
            throw error
        }
    }

    /// The log has the generation that began with this connection.
    package func sessionIsRecorded() { sessionIsUnrecorded = false }

    /// The first part of the next round, empty if nothing came in `patience`. The round must be acknowledged before the
    /// next one is asked for.
    package func nextRound(patience: Duration) async throws(MQTTError) -> [ReceivedMessage] {
        guard case .reading(let client) = state else { throw .misuse("a round is open") }
        let messages = try await read(client, patience: patience, atMost: min(limit.partMessages, roundMessages))
        if !messages.isEmpty {
            state = .holding(
                client,
                Round(
                    messages: messages.count, bytes: messages.bytes, start: .now, lastPart: messages.count))
        }
        return messages
    }

    /// More of the open round; empty if it is full or nothing more comes.
    package func nextPart() async throws(MQTTError) -> [ReceivedMessage] {
        guard case .holding(let client, var round) = state else { throw .misuse("no round is open") }
        let room = min(limit.partMessages, roundMessages - round.messages)
        let time = round.lastPart < limit.partMessages ? limit.time : limit.backlogTime
        guard room > 0, round.bytes < limit.bytes, .now < round.start + time else { return [] }
        let messages = try await read(client, patience: limit.partPatience, atMost: room)
        round.messages += messages.count
        round.lastPart = messages.count
        round.bytes += messages.bytes
        if case .holding = state { state = .holding(client, round) }
        return messages
    }

    private func read(
        _ client: MosquittoClient, patience: Duration, atMost room: Int
    ) async throws(MQTTError) -> [ReceivedMessage] {
        if client.inbox.messages.isEmpty {
            guard try await isReady(client, for: .read, until: .now + patience) else { return [] }
        }
        try drain(client, atMost: room)
        return client.inbox.takeMessages()
    }

    /// Sends the acknowledgements of the round that was handed over last.
    package func acknowledge() async throws(MQTTError) {
        guard case .holding(let client, _) = state else { throw .misuse("no round is open") }
        state = .acknowledging(client)
        let deadline = ContinuousClock.now + Self.patience
        client.cork(true)
        try client.write()
        while client.wantsWrite {
            guard try await isReady(client, for: .write, until: deadline) else {
                throw .timedOut(waitingFor: "room for acknowledgements")
            }
            try client.write()
        }
        client.cork(false)
        roundMessages = min(2 * roundMessages, limit.messages)
        state = .reading(client)
    }

    /// Ends the connection without another word; what is not acknowledged will be delivered again.
    package func abandon() { state = .closed }

    private func drain(_ client: MosquittoClient, atMost room: Int) throws(MQTTError) {
        let inbox = client.inbox
        let end = ContinuousClock.now + limit.partTime
        var idle = 0
        while inbox.messages.count < room, inbox.messageBytes < limit.bytes {
            let before = inbox.messages.count
            try client.read()
            if inbox.messages.count == before {
                // TLS may hold a packet that poll does not see, and libmosquitto may return early on a stale EAGAIN.
                idle += 1
                if idle > (client.usesTLS ? 1 : 0), !client.isReadable { return }
            } else {
                idle = 0
                if inbox.messages.count & 15 == 0, ContinuousClock.now >= end { return }
            }
        }
    }

    /// CONNECT and SUBSCRIBE leave together: written later, SUBSCRIBE would take acknowledgements along.
    private func greet(_ client: MosquittoClient) async throws(MQTTError) -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        try client.connect()
        try client.subscribe(to: topics, retained: false)
        try client.write()
        while client.wantsWrite {
            // During TLS's handshake the socket is always writable and only reading makes progress.
            let interest: Readiness = client.usesTLS ? .read : .write
            guard try await isReady(client, for: interest, until: deadline) else {
                throw .timedOut(waitingFor: "CONNECT")
            }
            if client.usesTLS { try client.read() }
            guard client.inbox.messages.isEmpty else { throw .lost(reason: "messages came before SUBSCRIBE had left") }
            try client.write()
        }
        while client.inbox.greeting == nil || client.inbox.subscription == nil {
            guard try await isReady(client, for: .read, until: deadline) else { throw .timedOut(waitingFor: "CONNACK") }
            try client.read()
            if let greeting = client.inbox.greeting, greeting.reasonCode != 0 {
                throw .refused(reasonCode: greeting.reasonCode)
            }
        }
        for (topic, code) in zip(topics, client.inbox.subscription ?? []) where code != 1 {
            throw .notSubscribed(topic: topic, reasonCode: code)
        }
        return client.inbox.greeting?.sessionPresent ?? false
    }

    private func isReady(
        _ client: MosquittoClient, for interest: Readiness, until deadline: ContinuousClock.Instant
    ) async throws(MQTTError) -> Bool {
        try await thread.isReady(client.socket, for: interest, until: deadline)
    }
}

extension PollThread {
    /// False if the deadline passed first.
    func isReady(
        _ descriptor: Int32, for interest: Readiness, until deadline: ContinuousClock.Instant
    ) async throws(MQTTError) -> Bool {
        do throws(WaitFailure) {
            _ = try await readiness(of: descriptor, for: interest, deadline: deadline)
            return true
        } catch {
            switch error {
            case .timedOut: return false
            case .cancelled, .shutDown: throw .cancelled
            case .refused: throw .lost(reason: "its socket is closed")
            }
        }
    }
}

extension [ReceivedMessage] {
    fileprivate var bytes: Int { reduce(0) { $0 + $1.payload.count } }
}
