/// Where the log is read in position order: a store, or what follows one.
package protocol LogSource: Sendable {
    /// The events after `position` that pass the filter, in position order, at most `limit`.
    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage

    /// Reads all events after `start` up to and with `end`, in constant memory, and calls `body` with them in order.
    ///
    /// For long ways: what lies near the head is read sooner by `readLog`.
    /// - Parameters:
    ///   - end: a position that the head has reached.
    ///   - category: all if nil.
    /// - Throws: ``EventStoreError``, or what `body` throws. The last page's `end` is where to go on.
    func streamLog(
        after start: Int64, through end: Int64, category: String?, _ body: (LogPage) async throws -> Void
    ) async throws

    /// The newest position and its recorded time; position 0 while the log is empty.
    func head() async throws(EventStoreError) -> LogHead

    /// Rises when there is more to read.
    var signal: LogSignal { get }
}
