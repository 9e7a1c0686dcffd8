import Runtime

/// A small aggregate for tests: a number that commands add to.
enum Tally: Decider {
    enum Command: Sendable, Equatable {
        case add(Int)
        /// Leads to an event whose JSON cannot exist.
        case addNotANumber
    }
    enum Event: Sendable, Equatable {
        case added(Added)
        case spoiled(Spoiled)
    }
    struct Added: Codable, Sendable, Equatable { var amount: Int }
    struct Spoiled: Codable, Sendable, Equatable { var value: Double }
    struct State: Codable, Sendable, Equatable { var sum = 0 }
    enum Rejection: Error, Sendable, Equatable { case negative }

    static let category = "tally"
    static let stateVersion: Int32 = 1
    static var initial: State { State() }
    static let codec = EventCodec<Event>([
        .init("Added", wrap: Event.added) { if case .added(let fact) = $0 { fact } else { nil } },
        .init("Spoiled", wrap: Event.spoiled) { if case .spoiled(let fact) = $0 { fact } else { nil } },
    ])

    static func account(of state: State) -> AccountID { .default }

    static func decide(_ command: Command, in state: State, context: CommandContext) throws(Rejection) -> [Event] {
        switch command {
        case .add(let amount) where state.sum + amount < 0: throw .negative
        case .add(0): []
        case .add(let amount): [.added(Added(amount: amount))]
        case .addNotANumber: [.spoiled(Spoiled(value: .nan))]
        }
    }

    static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        if case .added(let fact) = event { state.sum += fact.amount }
    }
}

/// The tally in all but what its conforming types say.
protocol TallyVariant: Decider
where
    Command == Tally.Command, Event == Tally.Event, State == Tally.State, Rejection == Tally.Rejection
{}

extension TallyVariant {
    static var stateVersion: Int32 { Tally.stateVersion }
    static var initial: State { Tally.initial }
    static var codec: EventCodec<Event> { Tally.codec }

    static func account(of state: State) -> AccountID { Tally.account(of: state) }

    static func decide(_ command: Command, in state: State, context: CommandContext) throws(Rejection) -> [Event] {
        try Tally.decide(command, in: state, context: context)
    }

    static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        Tally.evolve(&state, with: event, observedAt: time)
    }
}

extension CommandEnvelope<Tally.Command> {
    static func add(
        _ amount: Int, id: UUID128 = .v7(), earlierIDs: [UUID128] = [], expectedVersion: Int64? = nil,
        fence: StreamVersion? = nil
    ) -> CommandEnvelope {
        CommandEnvelope(
            id: id, earlierIDs: earlierIDs, .add(amount), context: .test, expectedVersion: expectedVersion, fence: fence
        )
    }
}

extension CommandContext {
    static let test = CommandContext(
        time: Timestamp(microseconds: 1_795_000_000_000_000), principal: .system, scope: .all)
}

extension EventStore {
    /// The sum that a fold of the whole stream gives.
    func foldedSum(of id: String) async throws -> Int {
        var memory = AggregateMemory<Tally>()
        for event in try await readStream(StreamName(category: "tally", id: id), from: 1, limit: 1_000_000) {
            try memory.fold(event)
        }
        return memory.state.sum
    }
}
