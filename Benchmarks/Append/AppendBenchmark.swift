/// What the event store costs: its rate beside the same SQL by bare libpq, and beside COPY of the same rows.
struct AppendBenchmark {
    static let writerCounts = [1, 10, 100, 1_000]
    var time = Duration.seconds(2)

    func run(
        progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void
    ) async throws {
        try await ThrowawayServers.with { servers in
            for writers in Self.writerCounts {
                try await compare(writers, on: servers, progress: progress, report: report)
            }
        }
    }

    /// The contenders take turns, each on a fresh database, so that a slow minute of the machine strikes all.
    private func compare(
        _ writers: Int, on servers: ThrowawayServers, progress: @Sendable (String) -> Void,
        report: @Sendable (Measure) throws -> Void
    ) async throws {
        var (store, plain, copy) = (Samples(), Samples(), Samples())
        for run in 1...Benchmark.runs {
            let result = try await servers.withDatabase { url in
                try await StoreWriters(writers: writers, time: time).run(on: url)
            }
            store.add(result.perSecond)
            plain.add(
                try await servers.withDatabase { url in
                    try await PlainAppends(LogRows(writers: writers, events: result.events).batches).run(on: url)
                })
            copy.add(
                try await servers.withDatabase { url in
                    try await CopyRows(writers: writers, events: result.events).run(on: url)
                })
            progress("append, \(writers) writers: run \(run) of \(Benchmark.runs)")
        }
        try report(Measure("append.\(writers).libpq", unit: "events/s", of: store, beside: plain))
        try report(Measure("append.\(writers).copy", unit: "events/s", of: store, beside: copy))
    }
}
