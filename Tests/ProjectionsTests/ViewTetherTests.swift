import Projections
import Runtime
import Support
import Testing

@Suite struct `The tether of a view` {
    private func tether(_ fleet: Fleet) async throws -> ProjectionStatus.Tether {
        try #require(try await fleet.queries().projections().first { $0.name == "devices" }).tether
    }

    @Test func `is as long as there are events that it has not taken in, and as old as the first of them`() async throws
    {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView { try await fleet.register("a") }
            #expect(try await tether(fleet) == .init(events: 0, seconds: 0))
            // The last that it took in is of two hours ago.
            let aged = try await log.number(
                """
                update checkpoints set recorded_time = recorded_time - interval '2 hours' where projection = 'devices'
                returning position
                """)
            #expect(aged == 1)
            #expect(try await tether(fleet) == .init(events: 0, seconds: 0))
            try await fleet.report(0, from: "a")
            let first = try await log.store.head().recordedTime
            for value in 1..<30 { try await fleet.report(Double(value), from: "a") }
            let before = Timestamp.now()
            let found = try await tether(fleet)
            #expect(found.events == 30)
            #expect(found.seconds >= (before - first) / .seconds(1))
            #expect(found.seconds <= (Timestamp.now() - first) / .seconds(1))

            try await fleet.withLiveView {}
            #expect(try await tether(fleet) == .init(events: 0, seconds: 0))
        }
    }
}
