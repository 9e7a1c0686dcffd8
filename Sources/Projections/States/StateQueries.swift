package import Runtime

/// Questions about the states of devices.
package protocol StateQueries: Sendable {
    /// The runs of a device's hours that a range touches, and of the last hour before it that says anything of the subject.
    func runs(_ wanted: RunsWanted, scope: AccountScope) async throws(QueryError) -> [StateRun]
}

package struct RunsWanted: Sendable, Hashable {
    /// How far back a state is looked for that held when the range began.
    package static let lookBack = Duration.seconds(366 * 86_400)

    package var device: String
    package var subject: StateSubject
    package var from: Timestamp
    package var to: Timestamp

    package init(device: String, subject: StateSubject, from: Timestamp, to: Timestamp) {
        self.device = device
        self.subject = subject
        self.from = from
        self.to = to
    }
}

extension PostgresFleetQueries: StateQueries {
    package func runs(_ wanted: RunsWanted, scope: AccountScope) async throws(QueryError) -> [StateRun] {
        let account: PostgresValue = if case .only(let account) = scope { .text(account.rawValue) } else { .null }
        let path =
            switch wanted.subject {
            case .connectivity: ["connectivity"]
            case .metric(let name): ["metrics", name]
            }
        return try await read(
            RunStatements.runs.bind([
                .text(wanted.device), .timestamp(WindowLength.hour.start(of: wanted.from)), .timestamp(wanted.to),
                account,
                .textArray(path), .timestamp(wanted.from - RunsWanted.lookBack),
                try generation(of: StatesProjection.name),
            ])
        ) { row throws(PostgresError) in
            let isThinned = try row.bool(2)
            return try StateRuns.decode(
                try row.bytes(1), from: try row.timestamp(0), isThinned: isThinned && wanted.subject != .connectivity)
        }.flatMap(\.self)
    }
}

private enum RunStatements {
    private static let hours = """
        select s.start, s.runs #> $5 as runs, s.runs -> 'thinned' is not null from states s
        where s.generation = coalesce($7::int4, (select live_generation from projections where name = 'states'))
            and s.device = $1 and ($4::text is null or s.account = $4) and s.runs #> $5 is not null
        """

    // Two ranges of the index, the second read backwards until something is found: an hour, which has a row for each account
    // that the device was of in it.
    static let runs = Statement(
        "query_states",
        """
        (\(hours) and s.start >= $2 and s.start < $3)
        union all
        (\(hours) and s.start < $2 and s.start >= $6 order by s.start desc fetch first 1 row with ties)
        """)
}
