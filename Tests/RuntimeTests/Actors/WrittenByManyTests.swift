import Runtime
import Support
import Testing

/// The tally, written by several servers.
private enum SharedTally: TallyVariant {
    static let category = Tally.category
    static let isWrittenByMany = true
}

@Suite struct `An aggregate that several servers write` {
    let store = InterposedStore()

    @Test func `is read again before each turn, also of actors that were woken together`() async throws {
        let one = Directory<SharedTally>(store: store, snapshots: InMemorySnapshotStore())
        let other = Directory<SharedTally>(store: store.inner, snapshots: InMemorySnapshotStore())
        let gate = Gate()
        store.intercept { append throws(EventStoreError) in
            if append.changes[0].stream.id == "b" { await gate.pass() }
        }
        let first = await one.start([("a", [.add(1)]), ("b", [.add(1)])])
        try await eventually(within: .seconds(60)) { try await store.head().position == 1 }
        // Waits for the turn after the one under way, while the other server writes the same stream.
        let second = await one.start([("a", [.add(-2)])])
        try await other.send(.add(5), to: "a")
        await gate.open()
        #expect(await first.results.allSatisfy { $0.allSatisfy { (try? $0.get())?.effect == .recorded } })
        #expect(try await second.results[0][0].get().effect == .recorded)
        #expect(try await other.recall("a").state.sum == 4)
    }
}
