import Logging
import Support
import Testing

@testable import Runtime

@Suite struct `The plan of a statement` {
    /// What Postgres would do, planning once and for all while the log is young.
    private func plan(of statement: Statement, parameters: Int, in log: PostgresLog) async throws -> String {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: Logger(label: "test"))
        let arguments = Array(repeating: "null", count: parameters).joined(separator: ", ")
        try await connection.runScript("set plan_cache_mode = force_generic_plan")
        try await connection.runScript("prepare planned as \(statement.sql)")
        let rows = try await connection.query(
            Statement.unprepared("explain", "explain execute planned(\(arguments))")())
        await connection.close()
        return try rows.map { try $0.text(0) }.joined(separator: "\n")
    }

    @Test func `that appends probes the index and never reads the log`() async throws {
        try await PostgresLog.with { log in
            let plan = try await plan(of: AppendStatements.append, parameters: 20, in: log)
            #expect(plan.contains("events_stream_version_key"))
            #expect(!plan.contains("Seq Scan on events"))
        }
    }

    @Test func `that reads a stream, a category or an account uses an index`() async throws {
        try await PostgresLog.with { log in
            _ = try await log.store.append(
                Append([StreamChange(.fresh("plan"), expecting: 0, events: .samples(1_000))]))
            for (statement, parameters) in [
                (ReadStatements.stream, 3), (ReadStatements.log, 2), (ReadStatements.category, 3),
                (ReadStatements.account, 3), (ReadStatements.accountCategory, 4), (ReadStatements.streamLog, 3),
                (ReadStatements.tails, 3),
            ] {
                let plan = try await plan(of: statement, parameters: parameters, in: log)
                #expect(!plan.contains("Seq Scan on events"), "\(statement.name): \(plan)")
            }
        }
    }
}
