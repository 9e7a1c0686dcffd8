import Runtime
import Support
import Testing

@testable import Gateway

@Suite struct `A chain of causes` {
    /// A log of events, each the cause of the next one; the last is the cause of several.
    private static func chain(
        _ steps: Int, then effects: Int
    ) async throws -> (events: [RecordedEvent], search: FoldedLogSearch) {
        let store = InMemoryEventStore()
        var cause: UUID128?
        for number in 0..<steps + effects {
            let event = NewEvent(
                id: .v7(), type: "Followed", observedTime: .now(), data: Array("{}".utf8),
                metadata: EventMetadata(principal: .system, account: .default, commandID: .v7(), causationID: cause))
            let stream = try #require(StreamName("step-\(number)"))
            _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: [event])]))
            if number < steps { cause = event.id }
        }
        return (
            try await store.readLog(after: 0, where: .everything, limit: 100).events, FoldedLogSearch(store: store)
        )
    }

    @Test func `says that more led to an event than it shows, from the nearest cause on`() async throws {
        let (events, search) = try await Self.chain(5, then: 0)
        let cut = try await CausationChain(of: events[4], search, scope: .all, atMost: 3)
        #expect(cut.isCut && cut.causes.map(\.id) == events[1..<4].map(\.id))
        let whole = try await CausationChain(of: events[4], search, scope: .all, atMost: 4)
        #expect(!whole.isCut && whole.causes.map(\.id) == events[..<4].map(\.id))
    }

    @Test func `says that more followed from an event than it shows, the nearest first`() async throws {
        let (events, search) = try await Self.chain(2, then: 3)
        let cut = try await CausationChain(of: events[0], search, scope: .all, atMost: 3)
        #expect(cut.isCut && cut.effects.map(\.id) == events[1..<4].map(\.id))
        let whole = try await CausationChain(of: events[0], search, scope: .all, atMost: 4)
        #expect(!whole.isCut && whole.effects.map(\.id) == events[1...].map(\.id))
    }
}
