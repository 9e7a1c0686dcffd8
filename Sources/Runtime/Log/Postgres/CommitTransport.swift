/// What carries batches to the database, one at a time. Asked once a batch, never for a single append.
protocol CommitTransport: Actor {
    /// Never cancelled and never timed out: what was sent is answered, or its outcome is unknown.
    ///
    /// - Parameter head: where the head is expected.
    func commit(_ batch: AppendBatch, expecting head: Int64?) async throws(PostgresError) -> AppendBatch.Answer

    /// The receipt of an append that had been committed after all; nil if others took its place.
    func lookUp(_ append: Append) async throws(PostgresError) -> AppendReceipt?

    func close() async
}
