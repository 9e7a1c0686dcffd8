import Aggregates
import Runtime

/// A log of telemetry, stored by COPY, and the ways to read it through.
struct ReadLog: Sendable {
    private static let columns = """
        position, stream, version, id, type, schema_version, account, observed_time, recorded_time, principal,
        command_id, causation_id, correlation_id, trace_parent, data
        """

    let store: PostgresEventStore

    /// Every device reports in turn.
    static func fill(_ url: String, events: Int64, devices: Int = 10_000) async throws {
        try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            let sample = SampleEvents()
            let portion: Int64 = 50_000
            for start in stride(from: 0, to: events, by: Int64.Stride(portion)) {
                var rows = CopiedEvents(capacity: Int(portion))
                for position in start + 1...min(events, start + portion) {
                    let (round, device) = (position - 1).quotientAndRemainder(dividingBy: Int64(devices))
                    let event = sample.event(of: Int(device), version: round + 1)
                    rows.add(event, to: sample.stream(of: Int(device)), version: round + 1, at: position)
                }
                try connection.copy(into: CopiedEvents.target, rows.ended())
            }
            try connection.execute("update log_head set position = \(events), recorded_time = now()")
        }
    }

    /// The same columns and rows by bare libpq, in one piece.
    static func plain(_ url: String, events: Int64) async throws -> Int {
        try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            return try connection.copyOut(
                "select \(columns) from events where position <= \(events) order by position")
        }
    }

    func undecoded(_ events: Int64) async throws -> Int {
        var count = 0
        try await store.streamLog(after: 0, through: events, category: nil) {
            $0
        } _: {
            count += $0.count
        }
        return count
    }

    /// Everything about each event, its payload by the aggregate's codec.
    func decoded(_ events: Int64) async throws -> Int {
        var count = 0
        try await store.streamLog(after: 0, through: events, category: nil) { raw in
            try raw.recordedEvents().map { (recorded: $0, event: try Device.codec.decode($0)) }
        } _: { page in
            count += page.count
        }
        return count
    }
}
