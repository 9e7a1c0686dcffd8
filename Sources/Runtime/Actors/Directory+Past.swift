/// A point in the life of an aggregate.
package enum PointInTime: Sendable, Hashable {
    /// After the event of this version.
    case version(Int64)
    /// After the last event that the log had recorded at this instant.
    case recorded(Timestamp)
    /// After the last event that the log had when it ended at this position.
    case position(Int64)

    /// Whether the event comes after it; of a version, it is counted instead.
    fileprivate func precedes(_ event: RecordedEvent) -> Bool {
        switch self {
        case .version: false
        case .recorded(let time): event.recordedTime > time
        case .position(let position): event.position > position
        }
    }
}

/// What an aggregate was at a point in time.
package enum PastMemory<D: Decider>: Sendable {
    case stood(AggregateMemory<D>)
    /// Its stream had no event yet, or never has.
    case nothingYet
    /// Its stream has not come so far; this is where it stands.
    case notReached(head: AggregateMemory<D>)
    /// What led to it has left the log; what it was from this version on can be told.
    case retained(through: Int64)
}

extension PastMemory: Equatable {}

extension Directory {
    /// Most events in one page.
    private static var mostPage: Int { 1_000 }
    /// Events in the first page on the way to an instant: how many there are up to it is not known.
    private static var firstPage: Int { 256 }

    /// What the aggregate was at a point in time: the nearest snapshot before it, and the events from there. Its actor
    /// takes no part in it.
    ///
    /// - Throws: `broken` if an event on the way cannot be read, `unavailable` if the log cannot be reached.
    @concurrent
    package nonisolated func recall(
        _ id: String, at point: PointInTime
    ) async throws(DispatchError<D.Rejection>) -> PastMemory<D> {
        let stream = StreamName(category: D.category, id: id)
        do throws(EventStoreError) {
            return try await past(of: stream, at: point)
        } catch {
            switch error {
            case .retained(let version): return .retained(through: version)
            case .corrupt(_, let reason): throw .broken(reason: reason)
            case .overloaded: throw .overloaded
            default: throw .unavailable(reason: error.debugDescription)
            }
        }
    }

    private nonisolated func past(
        of stream: StreamName, at point: PointInTime
    ) async throws(EventStoreError) -> PastMemory<D> {
        if case .version(let version) = point, version < 1 { return .nothingYet }
        var memory = try await snapshot(of: stream, at: point) ?? AggregateMemory<D>()
        var page = Self.firstPage
        while true {
            let limit: Int
            switch point {
            case .version(let version): limit = Int(min(Int64(Self.mostPage), version - memory.version))
            case .recorded, .position: limit = page
            }
            if limit == 0 { return .stood(memory) }
            let events = try await store.readTail(
                StreamPlace(stream, at: memory.version, position: memory.position), limit: limit)
            for event in events {
                if point.precedes(event) { return memory.asPast }
                do throws(EventCodecError) {
                    try memory.fold(event)
                } catch {
                    throw .corrupt(position: event.position, reason: String(describing: error))
                }
            }
            page = min(Self.mostPage, page * 2)
            guard events.count < limit else { continue }
            if case .version = point, memory.version > 0 { return .notReached(head: memory) }
            return memory.asPast
        }
    }

    /// The nearest snapshot that can be read.
    private nonisolated func snapshot(
        of stream: StreamName, at point: PointInTime
    ) async throws(EventStoreError) -> AggregateMemory<D>? {
        var (version, time) = (Int64.max, Timestamp?.none)
        switch point {
        case .version(let wanted): version = wanted
        case .recorded(let wanted): time = wanted
        // Where a snapshot's last event lies is known when it is read. Recorded time never decreases along the log.
        case .position(let wanted):
            time = try await store.readLog(after: max(0, wanted - 1), where: .everything, limit: 1).events.first?
                .recordedTime
        }
        while let snapshot = try await snapshots.newest(
            of: stream, notAfter: version, recordedBy: time, stateVersion: D.stateVersion)
        {
            if let memory = AggregateMemory<D>(snapshot) {
                guard case .position(let position) = point, memory.position > position else { return memory }
            }
            version = snapshot.version - 1
        }
        return nil
    }
}

extension AggregateMemory {
    fileprivate var asPast: PastMemory<D> { version == 0 ? .nothingYet : .stood(self) }
}
