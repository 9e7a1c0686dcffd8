import Runtime

/// The connection over which the broker's guard is filled, from its birth to its end.
actor GuardLink {
    private let client: MosquittoClient
    private let thread: PollThread
    private var pending = PendingPublishes()
    private var hasEnded = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(to address: BrokerAddress, clientID: String, on thread: PollThread) throws(MQTTError) {
        self.thread = thread
        client = try MosquittoClient(
            address,
            .init(clientID: clientID, cleanStart: true, sessionExpiry: 0, receiveMaximum: 100, keepAlive: 30))
    }

    /// Connects, says hello, and returns the guard's first answer.
    ///
    /// - Throws: `timedOut` if the broker answers and no guard does.
    func greet() async throws(MQTTError) -> GuardStatus {
        let deadline = ContinuousClock.now + .seconds(10)
        try client.connect()
        try client.publish(GuardMessage.hello.bytes, to: GuardMessage.topic, qos: 1)
        while true {
            try client.write()
            for message in client.inbox.takeMessages() {
                if let status = GuardStatus(message) { return status }
            }
            guard try await thread.isReady(client.socket, for: .read, until: deadline) else {
                throw .timedOut(waitingFor: "BrokerGuard, which the broker must load")
            }
            try client.read()
            if let greeting = client.inbox.greeting, greeting.reasonCode != 0 {
                throw .refused(reasonCode: greeting.reasonCode)
            }
        }
    }

    /// Returns when the guard has taken the message.
    func send(_ message: GuardMessage) async throws(MQTTError) {
        guard !hasEnded else { throw .lost(reason: "the link to the guard is down") }
        let packetID = try client.publish(message.bytes, to: GuardMessage.topic, qos: 1)
        let outcome = await withCheckedContinuation { reply in
            pending.add([packetID], reply)
            // The loop that serves the connection meets a failure too, and ends it.
            try? client.write()
        }
        try outcome.get()
    }

    /// Serves the connection until it is lost, and hands on what the guard says.
    func serve(_ hear: @Sendable (ReceivedMessage) -> Void) async -> MQTTError {
        do throws(MQTTError) {
            while true {
                try client.performUpkeep()
                try client.write()
                let interest: Readiness = client.wantsWrite ? [.read, .write] : .read
                let isReady = try await thread.isReady(client.socket, for: interest, until: .now + .seconds(1))
                if isReady, client.isReadable {
                    repeat { try client.read() } while client.isReadable
                }
                for message in client.inbox.takeMessages() { hear(message) }
                for packetID in client.inbox.published { pending.acknowledged(packetID) }
                client.inbox.published = []
            }
        } catch {
            hasEnded = true
            pending.fail(error)
            return error
        }
    }
}
