import Logging
import Projections
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A view that is counted` {
    private func content(_ log: PostgresLog) async throws -> ViewContent? {
        try await PostgresFleetQueries(pool: log.pool).projections().first { $0.name == "devices" }?.content
    }

    private func withCounting<Value: Sendable>(
        _ log: PostgresLog, every interval: Duration = .zero, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        var pace = ViewCount.Pace()
        pace.looks = .milliseconds(10)
        pace.counts = interval
        let count = ViewCount(views, pool: log.pool, pace: pace, logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await count.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    @Test func `says how many rows it has, with their digest, as of which position`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            #expect(try await content(log) == nil)
            try await fleet.withLiveView { for id in ["a", "b"] { try await fleet.register(id) } }
            let digest = try await log.rebuild("devices").comparison?.liveDigest
            let first = try await withCounting(log) {
                try await eventually("it is counted") { try await content(log)?.position == 2 }
                return try #require(try await content(log))
            }
            #expect(first.rowCount == 2)
            #expect(first.digest == digest)
            try await fleet.withLiveView { try await fleet.report(1, from: "a") }
            // What it held then stands until it is counted again.
            #expect(try await content(log) == first)
            try await withCounting(log) {
                try await eventually("it is counted again") { try await content(log)?.position == 3 }
            }
            #expect(try await content(log)?.rowCount == 2)
            #expect(try await content(log)?.digest != first.digest)
        }
    }

    @Test func `shows what its own rows hold, and not what those before a swap did`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView { for id in ["a", "b"] { try await fleet.register(id) } }
            _ = try await log.number("with gone as (delete from devices where id = 'b') select 1::bigint")
            try await withCounting(log) {
                try await eventually("it is counted") { try await content(log)?.rowCount == 1 }
            }
            let rebuild = try await log.rebuild("devices")
            #expect(try await log.roles("devices") == ["1 previous", "2 live"])
            #expect(try await content(log) == nil)
            try await withCounting(log) {
                try await eventually("the rows that serve are counted") { try await content(log)?.rowCount == 2 }
            }
            #expect(try await content(log)?.digest == rebuild.comparison?.nextDigest)
        }
    }

    @Test func `is not counted again before its time, nor by two at once`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView { try await fleet.register("a") }
            try await withCounting(log, every: .seconds(3_600)) {
                try await withCounting(log, every: .seconds(3_600)) {
                    try await eventually("it is counted") { try await content(log) != nil }
                    try await fleet.withLiveView { try await fleet.register("b") }
                    let claims = "select count(*) from view_contents where claimed_time <= clock_timestamp()"
                    try await eventually("all were claimed") { try await log.number(claims) == views.count }
                }
            }
            #expect(try await content(log)?.position == 1)
        }
    }

    @Test func `has a rate, which falls when nothing comes`() {
        let time = Mutex(ContinuousClock.now)
        let progress = ViewProgress(stretch: .seconds(5)) { time.withLock { $0 } }
        #expect(progress.rate(of: "devices") == 0)
        for second in 1...20 {
            time.withLock { $0 += .seconds(1) }
            progress.advance("devices", to: Int64(second) * 100)
        }
        #expect((90...110).contains(progress.rate(of: "devices")))
        #expect(progress.rate(of: "accounts") == 0)
        for _ in 1...20 {
            time.withLock { $0 += .seconds(1) }
            _ = progress.rate(of: "devices")
        }
        #expect(progress.rate(of: "devices") == 0)
    }
}
