import Aggregates
import Runtime
import Support
import Testing

@testable import Projections

@Suite struct `The rows that a rebuild has in memory` {
    private let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    /// A reading a quarter of an hour.
    private func events(_ quarters: Range<Int>, of device: String, _ fleet: Fleet) async throws -> [RecordedEvent] {
        for quarter in quarters {
            try await fleet.report(Double(quarter), from: device, at: noon + .seconds(Int64(quarter) * 900))
        }
        let stream = StreamName(category: Device.category, id: device)
        let events = try await fleet.log.store.readStream(stream, from: 1, limit: 1_000)
        return Array(events.suffix(quarters.count)).map { TelemetryProjection.prepared($0) }
    }

    @Test(arguments: [true, false])
    func `are given up once they are stored and over, and read again for what comes late`(
        _ isWhole: Bool
    ) async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for device in ["a", "silent"] { try await fleet.register(device) }
            let shard = RebuildShard<TelemetryProjection>(isComplete: isWhole, stuck: [], after: isWhole ? 0 : 2)
            let day = try await events(0..<96, of: "a", fleet) + events(0..<1, of: "silent", fleet)
            #expect(try await shard.fold(day, onto: []) == nil)
            shard.forgetWhatIsOver()
            // What is not stored is not given up.
            #expect(shard.rowCount == 25)
            #expect(shard.takeChanged().new.count == 25)
            shard.forgetWhatIsOver()
            #expect(shard.rowCount == 2)

            let late = try await events(3..<4, of: "a", fleet)
            #expect(shard.missing(for: late).count == 1)
            let next = try await events(96..<97, of: "a", fleet)
            #expect(shard.missing(for: next).count == (isWhole ? 0 : 1))
            #expect(shard.missing(for: try await events(1..<2, of: "silent", fleet)).isEmpty)
        }
    }
}
