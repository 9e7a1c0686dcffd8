/// What carries batches to the database, in their order. Asked once a batch, never for a single append.
protocol CommitTransport: Actor {
    /// Never cancelled and never timed out: what was sent is answered, or its outcome is unknown.
    ///
    /// - Parameters:
    ///   - head: where the head is expected.
    ///   - isBehind: whether another batch is under way, which is to find the head there instead, and this one where
    ///     that one leaves it. It fails if the other does.
    func commit(_ batch: AppendBatch, expecting head: Int64?, behindAnother isBehind: Bool) async throws(PostgresError)
        -> AppendBatch.Answer

    /// The receipt of an append that had been committed after all; nil if others took its place.
    func lookUp(_ append: Append) async throws(PostgresError) -> AppendReceipt?

    func close() async
}
