import Runtime

/// All devices' connections, on one thread.
actor FleetConnections {
    private enum State {
        case idle
        case publishing(begun: ContinuousClock.Instant, turns: Int)
        case draining
        case closed
    }

    private static let paceInterval = Duration.milliseconds(10)
    /// One that is not answered holds up others that wait to connect.
    private static let greetingPatience = Duration.seconds(10)
    private static let upkeepInterval = Duration.seconds(5)

    nonisolated let thread: PollThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let host: String
    let port: Int
    private let rate: Double
    let links: [DeviceLink]
    var counts = FleetCounts()
    var queue: [Int] = []
    var firstQueued = 0
    var greetings = 0
    private var state = State.idle
    private var drained: CheckedContinuation<Void, Never>?

    init(_ members: [FleetMember], on thread: PollThread, host: String, port: Int, rate: Double) {
        self.thread = thread
        self.host = host
        self.port = port
        self.rate = rate
        links = members.map { DeviceLink($0) }
    }

    func start() {
        guard case .idle = state else { return }
        state = .publishing(begun: .now, turns: 0)
        for index in links.indices { enqueue(index) }
        connectNext()
        schedulePace()
        scheduleUpkeep()
    }

    /// Stops measuring, sends what devices hold back, and waits for the broker's answers, but not for ever.
    func drain(within patience: Duration) async {
        guard case .publishing = state else { return }
        state = .draining
        for (index, link) in links.enumerated() {
            accept(link.device.rest(), from: link)
            publishWaiting(index)
        }
        guard counts.outstanding > 0 else { return }
        let timer = thread.schedule(at: .now + patience) { self.assumeIsolated { $0.endDraining() } }
        await withCheckedContinuation { drained = $0 }
        thread.cancel(timer)
    }

    /// Ends every connection. Messages without an acknowledgement are given up.
    func close() {
        state = .closed
        endDraining()
        for link in links {
            if let (connection, token) = link.connection {
                connection.disconnect()
                thread.unwatch(token)
            }
            link.phase = .closed
        }
        counts.online = 0
    }

    func outcomes() -> [DeviceOutcome] {
        links.map { link in
            DeviceOutcome(
                id: link.id, scenario: link.device.scenarioName, acknowledged: link.acknowledged,
                nextSeq: link.device.nextSeq, firmware: link.firmwareOutcome)
        }
    }

    func endDraining() {
        drained?.resume()
        drained = nil
    }

    var isClosed: Bool { if case .closed = state { true } else { false } }

    // MARK: Turns

    private func schedulePace() {
        _ = thread.schedule(at: .now + Self.paceInterval) { self.assumeIsolated { $0.pace() } }
    }

    /// Device after device gets its turn, as many as the rate asks for since the start.
    private func pace() {
        guard case .publishing(let begun, let turns) = state else { return }
        let due = Int((ContinuousClock.now - begun) / .seconds(1) * rate)
        // After a pause of the whole machine the missed turns are not made up for at once.
        let last = min(due, turns + max(1_000, links.count))
        state = .publishing(begun: begun, turns: due)
        let now = Timestamp.now()
        for turn in turns..<max(turns, last) {
            let index = turn % links.count
            accept(links[index].device.turn(at: now), from: links[index])
            publishWaiting(index)
        }
        schedulePace()
    }

    private func accept(_ messages: [Message], from link: DeviceLink) {
        for message in messages {
            counts.messages += 1
            if link.outbox.add(message) { counts.outstanding += 1 } else { counts.dropped += 1 }
        }
    }

    private func scheduleUpkeep() {
        _ = thread.schedule(at: .now + Self.upkeepInterval) { self.assumeIsolated { $0.performUpkeep() } }
    }

    private func performUpkeep() {
        guard !isClosed else { return }
        for (index, link) in links.enumerated() {
            guard let (connection, _) = link.connection else { continue }
            attempt(index) { () throws(DeviceConnection.Failure) in
                if case .greeting(_, _, let since) = link.phase, since + Self.greetingPatience < .now {
                    throw .init(reason: "the broker did not answer CONNECT")
                }
                try connection.performUpkeep()
            }
        }
        connectNext()
        scheduleUpkeep()
    }
}
