/// An aggregate as three pure functions: what it is at first, what a command leads to, what an event changes.
///
/// The shape is Jérémie Chassaing's Decider. Nothing here waits, reads a clock, logs or draws a random number: time,
/// ids and identity arrive with the command.
package protocol Decider: Sendable {
    associatedtype Command: Sendable
    associatedtype Event: Sendable
    associatedtype State: Codable & Sendable & Equatable
    associatedtype Rejection: Error & Sendable & Equatable

    /// The category of its streams.
    static var category: String { get }
    /// Raised whenever `State` changes shape, so that older snapshots are folded anew.
    static var stateVersion: Int32 { get }
    static var codec: EventCodec<Event> { get }
    static var initial: State { get }

    /// The events that the command leads to; none if it changes nothing.
    ///
    /// - Throws: the reason why the command is refused.
    static func decide(_ command: Command, in state: State, context: CommandContext) throws(Rejection) -> [Event]

    /// Applies an event that was observed at `time`.
    static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp)

    /// The account that the stream belongs to in this state.
    static func account(of state: State) -> AccountID

    /// Whether other servers write to its streams as a matter of course. Its actor then sees what the log has before it
    /// decides: a conflict tells only those who have something to store, and a refusal or "nothing to do" would come
    /// from a state that is no more.
    static var isWrittenByMany: Bool { get }

    /// Whether it is counted how often such a command was taken for a repetition. The count is in the context of the next
    /// one that is decided, which must keep it in an event; until then it is in memory only.
    static func countsRepetitions(of command: Command) -> Bool

    /// What the state takes up beside its own fields: its arrays, dictionaries and long texts, in bytes. An estimate at
    /// constant cost, since it is asked for with each turn.
    static func approximateHeapBytes(of state: State) -> Int

    /// The least number of events between two snapshots; how many more is a matter of cost, see ``SnapshotPolicy``.
    static func snapshotInterval(for state: State) -> Int64

    /// Reads a snapshot's JSON faster than Foundation does; nil if Foundation must read it.
    static func snapshotBody(_ json: UnsafeBufferPointer<UInt8>) -> SnapshotBody<State>?
}

extension Decider {
    package static var isWrittenByMany: Bool { false }

    package static func countsRepetitions(of command: Command) -> Bool { false }

    package static func approximateHeapBytes(of state: State) -> Int { 256 }

    package static func snapshotInterval(for state: State) -> Int64 { 100 }

    package static func snapshotBody(_ json: UnsafeBufferPointer<UInt8>) -> SnapshotBody<State>? { nil }
}

/// What a command carries beside its content.
package struct CommandContext: Sendable, Hashable {
    /// When the caller says it happened; becomes the observed time of the events.
    package var time: Timestamp
    package var principal: Principal
    /// The accounts whose aggregates the principal may know of.
    package var scope: AccountScope
    package var causationID: UUID128?
    package var correlationID: UUID128?
    package var traceParent: String?
    /// How many commands of the kind were taken for repetitions since the aggregate's last event of one.
    package var repetitions: Int64 = 0

    package init(
        time: Timestamp, principal: Principal, scope: AccountScope, causationID: UUID128? = nil,
        correlationID: UUID128? = nil, traceParent: String? = nil
    ) {
        self.time = time
        self.principal = principal
        self.scope = scope
        self.causationID = causationID
        self.correlationID = correlationID
        self.traceParent = traceParent
    }

    func counting(_ repetitions: Int64) -> CommandContext {
        var context = self
        context.repetitions = repetitions
        return context
    }
}
