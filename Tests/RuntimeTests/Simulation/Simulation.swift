import Support

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// One schedule: everything that happens between the servers, writers and faults of a seed.
final class Simulation: Sendable {
    let seed: UInt64
    let plan: SimulationPlan
    let scheduler: SimulatedScheduler
    let database: SimulatedDatabase
    let snapshots: SimulatedSnapshots
    let record = SimulationRecord()
    private let servers = Mutex<[SimulatedServer]>([])
    private let started = Mutex(0)
    private let target = Mutex<Int64?>(nil)
    private let isDone = Mutex(false)

    /// What is wrong with what happened; empty if all is well.
    struct Report: Sendable {
        var anomalies: [String]
        var trace: UInt64
    }

    private init(seed: UInt64, isTraced: Bool) {
        self.seed = seed
        plan = SimulationPlan(seed: seed)
        scheduler = SimulatedScheduler(seed: seed, isTraced: isTraced)
        database = SimulatedDatabase(scheduler, plan)
        snapshots = SimulatedSnapshots(beside: database)
    }

    /// Runs the schedule of a seed on the calling thread.
    static func run(seed: UInt64, isTraced: Bool = false) -> Report {
        let simulation = Simulation(seed: seed, isTraced: isTraced)
        let ending = simulation.scheduler.run(atMost: 400_000) {
            // The thread runs it to its end before it goes on.
            Task.detached { await simulation.play() }
        }
        var anomalies = simulation.record.anomalies
        if ending == .outOfSteps {
            anomalies.append("endless: there was no end to it")
        } else if !simulation.isDone.withLock({ $0 }) {
            anomalies.append("stuck: somebody waits for what never happens")
        } else {
            anomalies += SimulationChecks(simulation).anomalies
        }
        return Report(anomalies: anomalies, trace: simulation.scheduler.trace)
    }

    /// The server that runs in a place now.
    func server(_ place: Int) -> SimulatedServer { servers.withLock { $0[place % $0.count] } }

    var ownStreams: [StreamName] { streams(of: OwnScore.category) }
    var commonStreams: [StreamName] { streams(of: CommonScore.category) }
    static let lease = StreamName(category: "lease", id: "ingest")

    private func streams(of category: String) -> [StreamName] {
        (0..<plan.streams).map { StreamName(category: category, id: "\($0)") }
    }

    private func freshServer() -> SimulatedServer {
        let number = started.withLock { number in
            number += 1
            return number
        }
        return SimulatedServer(number, over: database, snapshots)
    }

    /// The end that followers are to come to; nil while it is not known.
    var end: Int64? { target.withLock { $0 } }

    private func play() async {
        for _ in 0..<plan.servers {
            let server = freshServer()
            servers.withLock { $0.append(server) }
        }
        await withDiscardingTaskGroup { group in
            for follower in 0..<2 { group.addTask { await self.follow(follower) } }
            await act()
            database.becomeCalm()
            // What is still on its way arrives.
            await scheduler.pause(300_000...300_000)
            await probe()
            target.withLock { [head = database.log.head] in $0 = head }
        }
        for place in 0..<plan.servers { server(place).end() }
        isDone.withLock { $0 = true }
    }

    /// All who do something, until they have done it.
    private func act() async {
        await withDiscardingTaskGroup { group in
            for number in 0..<plan.writers {
                group.addTask { await SimulatedWriter(number, in: self).run() }
            }
            group.addTask { await self.crash() }
            group.addTask { await self.passivate() }
            group.addTask { await self.takeOver() }
            group.addTask { await SimulatedReader(in: self).run() }
        }
    }

    private func crash() async {
        for _ in 0..<plan.crashes {
            await scheduler.pause(0...20_000)
            let place = scheduler.number(in: 0...plan.servers - 1)
            server(place).end()
            let next = freshServer()
            servers.withLock { $0[place] = next }
            scheduler.note("crash", Int64(place))
        }
    }

    private func passivate() async {
        for _ in 0..<plan.passivations {
            await scheduler.pause(0...8_000)
            let server = server(scheduler.number(in: 0...plan.servers - 1))
            let count = await server.own.passivate(atMost: 4) + server.common.passivate(atMost: 4)
            scheduler.note("asleep", Int64(count))
        }
    }

    /// Moves the stream that fenced commands rest on.
    private func takeOver() async {
        for _ in 0..<plan.takeovers {
            await scheduler.pause(0...20_000)
            let event = NewEvent(
                id: scheduler.freshID(), type: "Taken", observedTime: Timestamp(microseconds: 1),
                data: Array("{}".utf8),
                metadata: EventMetadata(principal: .system, account: .default, commandID: scheduler.freshID()))
            let server = server(scheduler.number(in: 0...plan.servers - 1))
            let change = StreamChange(
                Self.lease, expecting: database.log.version(of: Self.lease), events: [event])
            _ = try? await server.store.append(Append([change]))
        }
    }

    /// Reads the whole log, from whichever server is alive, with a checkpoint that survives them.
    private func follow(_ follower: Int) async {
        var position = Int64(0)
        while end.map({ position < $0 }) ?? true {
            let server = server(follower)
            let subscription = Subscription(to: server.feed, where: .everything, pageSize: plan.pageSize)
            guard let page = try? await subscription.page(after: position) else {
                await scheduler.pause(100...10_000)
                continue
            }
            if page.end < position { record.note(anomaly: "follower: sent back from \(position) to \(page.end)") }
            record.follow(follower, page.events)
            position = page.end
        }
    }

    /// After all faults, every server takes a command for every aggregate, and knows what the log knows.
    private func probe() async {
        for place in 0..<plan.servers {
            let writer = SimulatedWriter(1_000 + place, in: self)
            for stream in ownStreams { await writer.probe(stream, server(place), server(place).own) }
            for stream in commonStreams { await writer.probe(stream, server(place), server(place).common) }
        }
    }
}
