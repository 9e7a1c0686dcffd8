/// Who a stream ever belonged to, in one statement that does the same work whether it is another's or is not there.
enum StreamOwners {
    /// An account comes to a stream with an event that is no telemetry, so that few rows are looked at; materialized, so
    /// that they are found by the stream, and never by the account, which may have half the log.
    ///
    /// Prepared, unlike the other reads: it names no positions, and a plan for the partitions without telemetry serves
    /// all streams.
    static let includesAccount = Statement(
        "stream_includes_account",
        """
        with owners as materialized (
            select account from events where stream = $1\(ReadStatements.withoutTelemetry)
        )
        select exists (select from owners where account = $2)::int::bigint
        """)
}
