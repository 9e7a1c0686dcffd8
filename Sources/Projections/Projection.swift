package import Runtime

/// Events -> read model: how one row changes with one event, and where its rows are kept.
///
/// The fold is pure and looks at nothing but the row and the event, so that a rebuild gives the same rows.
package protocol Projection: Sendable {
    associatedtype Row: Sendable & Equatable

    static var name: String { get }
    /// The category whose streams it reads; each stream becomes one row, under the stream's id.
    static var category: String { get }

    /// Applies the next event of the stream.
    static func evolve(_ row: inout Row?, with event: RecordedEvent) throws(EventCodecError)

    static func id(of row: Row) -> String
    /// Reads the rows with these ids.
    static func load(_ ids: [String], generation: Int32) -> BoundStatement
    static func decode(_ row: Runtime.Row) throws(PostgresError) -> Row
    /// Inserts or replaces the rows.
    static func store(_ rows: [Row], generation: Int32) -> BoundStatement
    /// Row count, and a digest of all rows that does not depend on their order.
    static func digest(generation: Int32) -> BoundStatement
    /// Deletes the rows of older generations.
    static func drop(before generation: Int32) -> BoundStatement
}
