import Aggregates
import Runtime

/// The ways to read a log of telemetry through.
struct ReadLog: Sendable {
    private static let columns = """
        position, stream, version, id, type, schema_version, account, observed_time, recorded_time, principal,
        command_id, causation_id, correlation_id, trace_parent, data
        """

    let store: PostgresEventStore

    /// The same columns and rows by bare libpq, in one piece.
    static func plain(_ url: String, events: Int64) async throws -> Int {
        try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            return try connection.copyOut(
                "select \(columns) from events where position <= \(events) order by position")
        }
    }

    func undecoded(_ events: Int64) async throws -> Int { try await undecoded(after: 0, through: events) }

    func undecoded(after start: Int64, through end: Int64) async throws -> Int {
        var count = 0
        try await store.streamLog(after: start, through: end, category: nil) {
            $0
        } _: {
            count += $0.count
        }
        return count
    }

    func decoded(_ events: Int64) async throws -> Int { try await decoded(after: 0, through: events) }

    /// Everything about each event, its payload by the aggregate's codec.
    func decoded(after start: Int64, through end: Int64) async throws -> Int {
        var count = 0
        try await store.streamLog(after: start, through: end, category: nil) { raw in
            try raw.recordedEvents().map { (recorded: $0, event: try Device.codec.decode($0)) }
        } _: { page in
            count += page.count
        }
        return count
    }
}
