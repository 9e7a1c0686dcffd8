import Logging

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// One server from its start to its death: the real directories, joint commands and feed over a simulated store.
final class SimulatedServer: Sendable {
    /// Differs from that of every other server of the schedule, also of those that it follows.
    let number: Int
    let life = SimulatedLife()
    let store: SimulatedStore
    let own: Directory<OwnScore>
    let common: Directory<CommonScore>
    let joint: JointDecisions
    let feed: LogFeed
    private let following: Mutex<Task<Void, any Error>?> = Mutex(nil)

    init(_ number: Int, over database: SimulatedDatabase, _ snapshots: SimulatedSnapshots) {
        let (scheduler, plan) = (database.scheduler, database.plan)
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        self.number = number
        store = SimulatedStore(of: database, for: life)
        // Failing actors are asked again at once, since how long they are left alone is a matter of chance.
        var supervision = SupervisionPolicy()
        (supervision.first, supervision.limit, supervision.pause) = (.zero, .zero, .zero)
        // Nothing is ever used too recently to sleep.
        let passivation = Passivation(
            idle: .zero, memory: ActorMemory(limit: plan.memory), now: { scheduler.now })
        own = Directory(
            store: store, snapshots: snapshots, mailboxCapacity: plan.mailbox, passivation: passivation,
            supervision: supervision, logger: logger, nextEventID: { scheduler.freshID() })
        common = Directory(
            store: store, snapshots: snapshots, mailboxCapacity: plan.mailbox, passivation: passivation,
            supervision: supervision, logger: logger, nextEventID: { scheduler.freshID() })
        joint = JointDecisions(store: store, nextEventID: { scheduler.freshID() })
        feed = LogFeed(
            of: store, decoding: [:], limits: .init(events: plan.feedEvents), pageSize: plan.pageSize,
            clock: SimulatedClock(scheduler: scheduler), logger: logger)
        let feed = feed
        // Ends with the server, not with whoever starts it.
        following.withLock { $0 = Task.detached { try await feed.run() } }
    }

    /// Nothing that it has in memory or under way counts any more.
    func end() {
        life.end()
        following.withLock { $0?.cancel() }
    }
}
