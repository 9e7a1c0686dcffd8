import Logging
import Metrics
import Runtime
import Synchronization

/// The connection that carries everything to the devices, and the probes that watch over ingest.
actor DeviceLink: LinkState, NoticeSink, DevicePublishing {
    private enum State {
        case disconnected
        case connected(MosquittoClient)
    }

    private let address: BrokerAddress
    private let clientID: String
    private let probeTopic: String
    private let probeInterval: Duration
    private let thread: PollThread
    private let logger: Logger
    private var state = State.disconnected
    private var pending = PendingPublishes()
    private var brokerFigures: BrokerFigures

    private nonisolated let outgoing = OutgoingNotices(capacity: 10_000)
    private nonisolated let connected = Mutex<ContinuousClock.Instant?>(nil)
    nonisolated let silenceLimit: Duration

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    nonisolated var connectedSince: ContinuousClock.Instant? { connected.withLock { $0 } }

    init(
        to address: BrokerAddress, server: String, ingestClientID: String, on thread: PollThread, logger: Logger,
        probeInterval: Duration = WatchdogTopic.interval
    ) {
        self.address = address
        clientID = "fleetlog-link-\(server)"
        probeTopic = WatchdogTopic.name(ofIngest: ingestClientID)
        self.probeInterval = probeInterval
        silenceLimit = probeInterval * 3
        self.thread = thread
        self.logger = logger
        brokerFigures = BrokerFigures(logger: logger)
    }

    nonisolated func send(_ notice: Notice, to device: String) {
        guard outgoing.add(notice, to: device) else { return }
        thread.perform { self.assumeIsolated { $0.flush() } }
    }

    func runUntilCancelled() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        while !Task.isCancelled {
            do throws(MQTTError) {
                let client = try await connect()
                backoff.reset()
                state = .connected(client)
                connected.withLock { $0 = .now }
                flush()
                try await serve(client)
            } catch {
                end()
                if case .cancelled = error { return }
                logger.warning("The link to the devices is down", metadata: ["reason": "\(error)"])
            }
            if (try? await Task.sleep(for: backoff.next())) == nil { return }
        }
    }

    func publish(_ messages: [DeviceMessage]) async throws(MQTTError) {
        guard case .connected(let client) = state else { throw .lost(reason: "the link to the devices is down") }
        var packetIDs: [Int32] = []
        for message in messages {
            packetIDs.append(
                try client.publish(
                    message.payload, to: message.topic, qos: 1, retained: message.isRetained,
                    expirySeconds: message.expirySeconds))
        }
        let outcome = await withCheckedContinuation { continuation in
            pending.add(packetIDs, continuation)
            flush()
        }
        try outcome.get()
    }

    private func connect() async throws(MQTTError) -> MosquittoClient {
        let client = try MosquittoClient(
            address,
            .init(clientID: clientID, cleanStart: true, sessionExpiry: 0, receiveMaximum: 100, keepAlive: 30))
        let deadline = ContinuousClock.now + .seconds(10)
        try client.connect()
        try client.subscribe(to: BrokerFigures.topics, retained: true)
        while client.inbox.greeting == nil || client.inbox.subscription == nil {
            try client.write()
            guard try await thread.isReady(client.socket, for: .read, until: deadline) else {
                throw .timedOut(waitingFor: "CONNACK")
            }
            try client.read()
            if let greeting = client.inbox.greeting, greeting.reasonCode != 0 {
                throw .refused(reasonCode: greeting.reasonCode)
            }
        }
        return client
    }

    private func serve(_ client: MosquittoClient) async throws(MQTTError) {
        var nextProbe = ContinuousClock.now
        while true {
            if ContinuousClock.now >= nextProbe {
                try client.publish([], to: probeTopic, qos: 0)
                nextProbe = .now + probeInterval
            }
            try client.performUpkeep()
            try client.write()
            let interest: Readiness = client.wantsWrite ? [.read, .write] : .read
            let deadline = min(nextProbe, .now + .seconds(1))
            guard try await thread.isReady(client.socket, for: interest, until: deadline) else { continue }
            repeat { try client.read() } while client.isReadable
            for message in client.inbox.takeMessages() { brokerFigures.note(message) }
            for packetID in client.inbox.published {
                pending.acknowledged(packetID)
            }
            client.inbox.published = []
        }
    }

    private func flush() {
        guard case .connected(let client) = state else { return }
        do throws(MQTTError) {
            for notice in outgoing.takeAll() { try client.publish(notice.payload, to: notice.topic, qos: 1) }
            try client.write()
        } catch {
            // The loop that serves the connection meets the same error and ends it.
            logger.debug("A notice could not be sent", metadata: ["reason": "\(error)"])
        }
    }

    private func end() {
        state = .disconnected
        connected.withLock { $0 = nil }
        pending.fail(.lost(reason: "the link to the devices went down"))
    }
}
