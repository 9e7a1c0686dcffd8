/// Reads the memories of many aggregates at once: a query for their snapshots, and one for what came after.
struct AggregateLoading<D: Decider>: Sendable {
    /// Aggregates that are read together; beyond some hundreds nothing is gained, and those at the front wait.
    static var chunk: Int { 256 }
    /// Events of one tail; whoever has more reads on alone, so that nobody waits for a long stream.
    static var tail: Int { 128 }

    enum Loaded: Sendable {
        case memory(AggregateMemory<D>, snapshotVersion: Int64)
        /// To be read on its own.
        case alone
        case failed(DispatchError<D.Rejection>)
    }

    let store: any EventStore
    let snapshots: any SnapshotStore
    let redeliveryWindow: Duration

    /// The memories as the log has them now, in the order of the streams.
    ///
    /// - Parameter wanted: with what is known already, and only needs what came after.
    @concurrent
    func load(_ wanted: [(stream: StreamName, known: AggregateMemory<D>?)]) async -> [Loaded] {
        do throws(EventStoreError) {
            let cold = wanted.filter { $0.known == nil }.map(\.stream)
            let found = cold.isEmpty ? [:] : try await snapshots.latest(of: cold)
            let bases = wanted.map {
                ($0.known ?? found[$0.stream].flatMap(AggregateMemory<D>.init) ?? .init())
                    .recognising(for: redeliveryWindow)
            }
            let tails = try await store.readTails(
                zip(wanted, bases).map { StreamPlace($0.stream, at: $1.version, position: $1.position) },
                limit: Self.tail)
            return zip(bases, tails).map { Self.fold($1, onto: $0) }
        } catch {
            switch error {
            // Not known whose; each finds out for itself.
            case .corrupt: return wanted.map { _ in .alone }
            case .overloaded: return wanted.map { _ in .failed(.overloaded) }
            default: return wanted.map { _ in .failed(.unavailable(reason: error.debugDescription)) }
            }
        }
    }

    private static func fold(
        _ tail: Result<[RecordedEvent], EventStoreError>, onto base: AggregateMemory<D>
    ) -> Loaded {
        guard case .success(let events) = tail, events.count < Self.tail else { return .alone }
        var memory = base
        for event in events {
            do throws(EventCodecError) {
                try memory.fold(event)
            } catch {
                return .failed(.broken(reason: "event at position \(event.position) cannot be read: \(error)"))
            }
        }
        return .memory(memory, snapshotVersion: base.version)
    }
}
