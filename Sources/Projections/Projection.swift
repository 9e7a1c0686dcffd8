package import Runtime

/// Events -> read model: how its rows change with one event, and where they are kept.
///
/// The fold is pure and looks at nothing but the rows and the event, so that a rebuild gives the same rows. An event may
/// concern several rows, but no row is concerned by events of two streams; where it is always the one row of its stream,
/// a ``Projection`` is simpler.
package protocol WideProjection: Sendable {
    associatedtype Row: Sendable & Hashable

    static var name: String { get }
    /// The category whose streams it reads.
    static var category: String { get }
    /// The version of what its rows mean and how they are folded, from 1. Where the live rows were made by an older one,
    /// the server rebuilds the view by itself and goes on serving them meanwhile; so today's code must be able to read
    /// them.
    static var definition: Int32 { get }
    /// The table of its rows, which has a column `generation`.
    static var table: String { get }
    /// The SQL expression for a row's id.
    static var key: String { get }
    /// The column with the id of the stream that a row comes of.
    static var streamColumn: String { get }

    /// Whether the event may concern any row, asked before anything else is done for it; what cannot be read may.
    static func concerns(_ event: RecordedEvent) -> Bool
    /// Whether each event concerns one row at most.
    static var isNarrow: Bool { get }
    /// The ids of the rows that the event concerns.
    static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String]
    /// How many rows that are.
    static func rowCount(of event: RecordedEvent) throws(EventCodecError) -> Int
    /// The ids of those rows that may be there already if `time` is the newest ``RowLife/newest`` of the stream's rows;
    /// nil if it has none.
    static func ids(of event: RecordedEvent, after time: Timestamp?) throws(EventCodecError) -> [String]
    /// The event, with whatever will be asked of it more than once.
    static func prepared(_ event: RecordedEvent) -> RecordedEvent
    /// Applies the next event of the stream to the rows it concerns, as far as there are any.
    ///
    /// - Throws: for an event that it cannot take in, before it has changed anything. The stream's rows stand still then,
    ///   and its later events wait.
    static func evolve(_ rows: inout ViewRows<Row>, with event: RecordedEvent) throws(EventCodecError)

    /// What comes late with the event, seen from its rows before it is applied. Only the live view is asked as it goes on: what
    /// a rebuild folds once more was late before.
    static func lateness(of event: RecordedEvent, onto rows: ViewRows<Row>) -> Lateness?

    static func id(of row: Row) -> String
    /// The id of the stream that the row comes of. In the order of their ids, rows of one stream lie side by side.
    static func stream(of row: Row) -> String
    /// Reads the rows with these ids.
    static func load(_ ids: [String], generation: Int32) -> BoundStatement
    /// Reads the rows whose ids come after this one, in order.
    static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement
    static func decode(_ row: Runtime.Row) throws(PostgresError) -> Row
    /// Inserts or replaces the rows.
    static func store(_ rows: [Row], generation: Int32) -> BoundStatement
    /// Rows that the table does not have yet, for a COPY; nil for a view that knows no such thing.
    static func copy(_ rows: [Row], generation: Int32) -> (statement: Statement, rows: CopyBuffer)?
    /// From when to when a row is the one that is changed; nil for rows that are changed for ever.
    static func life(of row: Row) -> RowLife?
    /// How many of its rows take the memory of one row of `devices`.
    static var rowsPerUnit: Int { get }
    /// Of each of these generations that has rows: its number, how many rows there are, and a digest of all of them that
    /// does not depend on their order.
    static func digests(of generations: [Int32]) -> BoundStatement
    /// Deletes at most so many rows of a generation.
    static func drop(_ generation: Int32, limit: Int64) -> BoundStatement
    /// Deletes the rows with these ids.
    static func remove(_ ids: [String], generation: Int32) -> BoundStatement
    /// The rows that two generations do not have alike: id, both rows as JSON (null where there is none), and how many
    /// such rows there are in all. In the order of the ids, the first few.
    static func differences(_ live: Int32, _ next: Int32, limit: Int64) -> BoundStatement
    /// Id and JSON of the rows with these ids.
    static func texts(of ids: [String], generation: Int32) -> BoundStatement
    /// The ids of the rows that come of a stream, for all that the table says.
    static func storedIDs(of stream: String, generation: Int32) -> BoundStatement

    // To be provided by nobody: what is asked of the type by its protocol is compiled for each view by itself, with all
    // that it calls. Otherwise one code serves all of them, and takes several times as long for each row.

    static func rebuild(_ work: RebuildWork<Self>) async throws
    static func follow(_ runner: ProjectionRunner<Self>) async
}

/// The time of which a row is, where each is of a stretch of time.
package struct RowLife: Sendable {
    package var stream: String
    /// The newest that it was made of.
    package var newest: Timestamp
    /// Nothing from then on changes it.
    package var end: Timestamp
}

extension WideProjection {
    package static func rebuild(_ work: RebuildWork<Self>) async throws { try await work.run() }
    package static func follow(_ runner: ProjectionRunner<Self>) async { await runner.follow() }

    package static func concerns(_ event: RecordedEvent) -> Bool { true }

    package static func rowCount(of event: RecordedEvent) throws(EventCodecError) -> Int { try ids(of: event).count }

    package static func ids(of event: RecordedEvent, after time: Timestamp?) throws(EventCodecError) -> [String] {
        try ids(of: event)
    }

    package static func prepared(_ event: RecordedEvent) -> RecordedEvent { event }

    package static func copy(_ rows: [Row], generation: Int32) -> (statement: Statement, rows: CopyBuffer)? { nil }

    package static func life(of row: Row) -> RowLife? { nil }

    package static var rowsPerUnit: Int { 1 }
    package static var definition: Int32 { 1 }
    package static var isNarrow: Bool { false }
    package static func lateness(of event: RecordedEvent, onto rows: ViewRows<Row>) -> Lateness? { nil }
    package static var table: String { name.replacing("-", with: "_") }
    package static var key: String { "id" }
    package static var streamColumn: String { "id" }

    package static func drop(_ generation: Int32, limit: Int64) -> BoundStatement {
        Statement(
            "drop_\(table)",
            """
            delete from \(table) where ctid = any (array(select ctid from \(table) where generation = $1 limit $2))
            """)(.int4(generation), .int8(limit))
    }

    package static func remove(_ ids: [String], generation: Int32) -> BoundStatement {
        Statement("remove_\(table)", "delete from \(table) where generation = $1 and \(key) = any ($2)")(
            .int4(generation), .textArray(ids))
    }

    package static func texts(of ids: [String], generation: Int32) -> BoundStatement {
        Statement(
            "show_\(table)",
            """
            select \(key), (to_jsonb(t) - 'generation')::text from \(table) t
            where generation = $1 and \(key) = any ($2)
            """)(.int4(generation), .textArray(ids))
    }

    package static func storedIDs(of stream: String, generation: Int32) -> BoundStatement {
        Statement(
            "ids_\(table)", "select \(key) from \(table) where generation = $1 and \(streamColumn) = $2")(
                .int4(generation), .text(stream))
    }

    package static func differences(_ live: Int32, _ next: Int32, limit: Int64) -> BoundStatement {
        Statement(
            "compare_\(table)",
            """
            select id, l.row::text, n.row::text, count(*) over ()
            from (select \(key) as id, to_jsonb(t) - 'generation' as row from \(table) t where generation = $1) l
            full join (select \(key) as id, to_jsonb(t) - 'generation' as row from \(table) t where generation = $2) n
                using (id)
            where l.row is distinct from n.row
            order by id limit $3
            """)(.int4(live), .int4(next), .int8(limit))
    }
}

/// A projection in which each stream becomes one row, under the stream's id.
package protocol Projection: WideProjection {
    /// Applies the next event of the stream.
    static func evolve(_ row: inout Row?, with event: RecordedEvent) throws(EventCodecError)
}

extension Projection {
    package static var isNarrow: Bool { true }

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] { [event.stream.id] }

    package static func stream(of row: Row) -> String { id(of: row) }

    package static func evolve(
        _ rows: inout ViewRows<Row>, with event: RecordedEvent
    ) throws(EventCodecError) {
        try evolve(&rows[event.stream.id], with: event)
    }
}
