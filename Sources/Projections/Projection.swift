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

    /// The ids of the rows that the event concerns.
    static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String]
    /// Applies the next event of the stream to the rows it concerns, as far as there are any.
    static func evolve(_ rows: inout [String: Row], with event: RecordedEvent) throws(EventCodecError)

    static func id(of row: Row) -> String
    /// Reads the rows with these ids.
    static func load(_ ids: [String], generation: Int32) -> BoundStatement
    /// Reads the rows whose ids come after this one, in order.
    static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement
    static func decode(_ row: Runtime.Row) throws(PostgresError) -> Row
    /// Inserts or replaces the rows.
    static func store(_ rows: [Row], generation: Int32) -> BoundStatement
    /// Row count, and a digest of all rows that does not depend on their order.
    static func digest(generation: Int32) -> BoundStatement
    /// Deletes the rows of older generations.
    static func drop(before generation: Int32) -> BoundStatement
}

/// A projection in which each stream becomes one row, under the stream's id.
package protocol Projection: WideProjection {
    /// Applies the next event of the stream.
    static func evolve(_ row: inout Row?, with event: RecordedEvent) throws(EventCodecError)
}

extension Projection {
    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] { [event.stream.id] }

    package static func evolve(
        _ rows: inout [String: Row], with event: RecordedEvent
    ) throws(EventCodecError) {
        try evolve(&rows[event.stream.id], with: event)
    }
}
