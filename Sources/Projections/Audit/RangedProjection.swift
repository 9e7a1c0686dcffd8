package import Runtime

/// A projection of many rows a stream, more than memory holds: they are read range after range of streams.
package protocol RangedProjection: WideProjection {
    /// The stored rows of these streams behind one of them, in the order of stream and key; from the first one on if nil.
    ///
    /// - Parameter last: as this statement has returned it.
    static func page(
        of range: StreamRange, after last: Runtime.Row?, limit: Int64, generation: Int32
    ) throws(PostgresError) -> BoundStatement
    /// The id of a row that ``page(of:after:limit:generation:)`` returned, be it one that cannot be decoded.
    static func id(stored row: Runtime.Row) throws(PostgresError) -> String
    /// The stream that it comes of.
    static func stream(stored row: Runtime.Row) throws(PostgresError) -> String
    /// The beginning of the time that the row is about: what was observed before does not concern it.
    static func start(of row: Row) -> Timestamp
    /// Whether a row may have come of all that another one came of, and of more.
    static func holds(_ row: Row, _ part: Row) -> Bool
    /// What a row says, in a line for people.
    static func summary(of row: Row) -> String
}
