import Aggregates
import ArgumentParser
import Runtime

struct SnapshotsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshots", abstract: "Look after the snapshots of aggregates.",
        subcommands: [SnapshotsVerifyCommand.self])
}

struct SnapshotsVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Fold a random sample of streams anew and compare the newest snapshot of each.",
        discussion: """
            Only reads; the server may work meanwhile. Servers compare the memories of their actors by themselves, \
            every --drift-check-seconds. Ends with status 0 if nothing differs, and with 1 and a list of findings \
            otherwise.
            """)

    @Option(help: "How many streams.")
    var sample = 100

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @OptionGroup var installation: InstallationOptions

    private struct Result: Encodable {
        var ok: Bool
        var streams: Int
        var events: Int64
        var snapshots: Int
        var findings: [AuditFinding]
    }

    func validate() throws {
        if sample < 1 { throw ValidationError("--sample is a number from 1") }
    }

    func run() async throws {
        let result = try await LogAccess.with(installation.serverURL()) { log in
            let streams = try await SnapshotSample.streams(sample, in: log.pool)
            let bar = ProgressBar("verify")
            defer { bar.finish() }
            var sum = DriftOutcome()
            for (number, stream) in streams.enumerated() {
                sum.add(try await verify(stream, log))
                bar.report(Int64(number + 1), of: Int64(streams.count))
            }
            return Result(
                ok: sum.findings.isEmpty, streams: streams.count, events: sum.events, snapshots: sum.compared,
                findings: sum.findings)
        }
        if json {
            try Console.answer(try JSONLine.of(result))
        } else {
            try Console.answer(
                "\(result.events) events of \(result.streams) streams folded, \(result.snapshots) snapshots compared.")
            if result.ok { try Console.answer("No snapshot differs from its events.") }
            for finding in result.findings { try Console.answer("FINDING: \(finding)") }
        }
        if !result.ok { throw ExitCode(1) }
    }

    private func verify(_ stream: StreamName, _ log: LogAccess) async throws -> DriftOutcome {
        switch stream.category {
        case Device.category: try await check(Device.self, stream, log)
        case Account.category: try await check(Account.self, stream, log)
        case Alert.category: try await check(Alert.self, stream, log)
        case Rollout.category: try await check(Rollout.self, stream, log)
        default: DriftOutcome()
        }
    }

    private func check<D: Decider>(
        _ decider: D.Type, _ stream: StreamName, _ log: LogAccess
    ) async throws -> DriftOutcome {
        try await DriftCheck(D.self, store: log.store, snapshots: log.snapshots).check(stream)
    }
}
