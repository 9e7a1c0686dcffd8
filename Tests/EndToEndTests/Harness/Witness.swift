import Runtime
import Support

/// Reads the log and the views again and again, so that nothing can be there once and be gone later.
actor Witness {
    private let system: TestedSystem
    private var readings: Set<SentHistory.Operation> = []
    private var views: [String: [[String: Int]]] = [:]

    init(of system: TestedSystem) { self.system = system }

    /// Reads while `body` runs.
    nonisolated func watching<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Until the task is cancelled; what cannot be read now is read later.
    private func run() async {
        while !Task.isCancelled {
            if let read = try? await system.numberedReadings() { readings.formUnion(read) }
            for view in TestedSystem.counts.keys {
                if let counts = try? await system.counts(of: view) { views[view, default: []].append(counts) }
            }
            try? await Task.sleep(for: .milliseconds(300))
        }
    }

    /// Compares what devices and users know with the log and each view, as they are now and as they were read before.
    ///
    /// Alerts come of readings by way of the workflows, which may still be on their way when all readings are there.
    func check(_ records: [LoadRecord], _ requests: Requests? = nil) async throws {
        try await requests?.readingsArrived(on: system)
        try await system.workflowsCaughtUp()
        try await system.viewsCaughtUp()
        // Only of numbered readings can be said which of them are there.
        let sent = records.filter { $0.marking != .allAlike }.reduce(into: SentHistory()) { history, record in
            history.acknowledged.formUnion(record.acknowledged.map { SentHistory.Operation(record.device, $0) })
            history.uncertain.formUnion(record.uncertain.map { SentHistory.Operation(record.device, $0) })
        }
        let anomalies = sent.anomalies(inLog: try await system.numberedReadings(), earlier: readings)
        try none(anomalies, of: "log")
        try await requests?.check(on: system)
        var expected = await requests?.seenIn ?? [:]
        expected["devices"] = sent
        expected["telemetry"] = sent
        for (view, history) in expected {
            // A view shows more than what these senders sent.
            let known = Set(history.acknowledged.union(history.uncertain).map(\.sender))
            let before = views[view] ?? []
            if requests != nil, before.isEmpty { throw Wrong("the view \(view) was never read meanwhile") }
            let seen = before + [try await system.counts(of: view)]
            // Of accounts it can be told by their names which are theirs, also if nobody should know of one.
            func isTheirs(_ sender: String) -> Bool {
                view == "accounts" ? sender.hasPrefix(Requests.visitor) : known.contains(sender)
            }
            try none(history.anomalies(inView: seen.map { $0.filter { isTheirs($0.key) } }), of: "view \(view)")
        }
    }
}

extension TestedSystem {
    /// How many operations of each sender a view has taken in, by view; `live` is the generation that is asked.
    static let counts = [
        "devices": "select id, telemetry_count from devices, live where generation = number",
        "accounts": "select id, version from accounts, live where generation = number",
        "alerts":
            // Silence comes of a clock that is turned.
            """
        select device, count(*) filter (where kind = 'overheating') over (partition by device)
        from alerts, live where generation = number
        """,
        // Of the numbered readings, each in the hour in which it was made.
        "telemetry":
            """
        select device, sum(count)::bigint from telemetry_windows, live
        where generation = number and metric = 'n' and length = 3600 group by device
        """,
        "rollouts": "select id, 1::bigint from rollouts, live where generation = number",
        "rollout-devices":
            "select rollout || ' ' || device, 1::bigint from rollout_devices, live where generation = number",
    ]

    func counts(of view: String) async throws -> [String: Int] {
        let statement = Statement(
            "counts of \(view)",
            "with live (number) as (select live_generation from projections where name = '\(view)') "
                + (Self.counts[view] ?? ""))
        let rows = try await pool.withConnection { try await $0.query(statement(), timeout: .seconds(30)) }
        var counts: [String: Int] = [:]
        for row in rows { counts[try row.text(0)] = Int(try row.int8(1)) }
        return counts
    }

    /// The readings that have a number, in the order of the log.
    func numberedReadings() async throws -> [SentHistory.Operation] {
        let statement = Statement(
            "numbered readings",
            """
            select substr(stream, 8), (data -> 'metrics' ->> 'n')::float8::bigint from events
            where type = 'TelemetryRecorded' and data -> 'metrics' ->> 'n' is not null order by position
            """)
        let rows = try await pool.withConnection { try await $0.query(statement(), timeout: .seconds(60)) }
        return try rows.map { SentHistory.Operation(try $0.text(0), Int(try $0.int8(1))) }
    }
}
