/// Folds streams of one category from a state that is known to be true, to the state at a later version.
package struct StreamFold: Sendable {
    /// A stream, the state to begin with (nil for the empty one), and the version that is wanted.
    struct Wanted: Sendable {
        var stream: StreamName
        var base: Snapshot?
        var version: Int64
    }

    package let category: String
    let fold: @Sendable ([Wanted], any EventStore) async throws -> [Snapshot]

    package init<D: Decider>(_ decider: D.Type) {
        category = D.category
        fold = { wanted, store in
            var memories: [AggregateMemory<D>] = []
            for one in wanted { memories.append(try Self.memory(of: one)) }
            var open = wanted.indices.filter { memories[$0].version < wanted[$0].version }
            while !open.isEmpty {
                let places = open.map {
                    StreamPlace(wanted[$0].stream, at: memories[$0].version, position: memories[$0].position)
                }
                for (index, tail) in zip(open, try await store.readTails(places, limit: 1_000)) {
                    let before = memories[index].version
                    for event in try tail.get() where memories[index].version < wanted[index].version {
                        guard event.version == memories[index].version + 1 else {
                            throw Self.uncovered(wanted[index], "version \(memories[index].version + 1) is missing")
                        }
                        do throws(EventCodecError) {
                            try memories[index].fold(event)
                        } catch {
                            throw Self.uncovered(wanted[index], "version \(event.version) cannot be read: \(error)")
                        }
                    }
                    if memories[index].version == before {
                        throw Self.uncovered(wanted[index], "its events have an end")
                    }
                }
                open.removeAll { memories[$0].version == wanted[$0].version }
            }
            return try zip(wanted, memories).map { try $1.snapshot(of: $0.stream) }
        }
    }

    private static func memory<D: Decider>(of wanted: Wanted) throws -> AggregateMemory<D> {
        guard let base = wanted.base else { return AggregateMemory() }
        guard let memory = AggregateMemory<D>(base) else {
            throw uncovered(wanted, "its state at version \(base.version) cannot be read by this program")
        }
        return memory
    }

    private static func uncovered(_ wanted: Wanted, _ reason: String) -> RetentionError {
        .uncovered(stream: wanted.stream.description, reason: reason)
    }
}
