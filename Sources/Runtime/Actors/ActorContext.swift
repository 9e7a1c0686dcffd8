/// What all actors of a directory have in common, so that each holds one reference instead of a dozen words.
final class ActorContext<D: Decider>: Sendable {
    let executor: TurnExecutor
    let store: any EventStore
    let snapshots: any SnapshotStore
    let mailboxCapacity: Int
    let redeliveryWindow: Duration
    let nextEventID: @Sendable () -> UUID128
    let memory: ActorMemory.Share
    let supervisor: Supervisor

    init(
        executor: TurnExecutor, store: any EventStore, snapshots: any SnapshotStore, mailboxCapacity: Int,
        redeliveryWindow: Duration, nextEventID: @escaping @Sendable () -> UUID128, memory: ActorMemory.Share,
        supervisor: Supervisor
    ) {
        self.executor = executor
        self.store = store
        self.snapshots = snapshots
        self.mailboxCapacity = mailboxCapacity
        self.redeliveryWindow = redeliveryWindow
        self.nextEventID = nextEventID
        self.memory = memory
        self.supervisor = supervisor
    }
}
