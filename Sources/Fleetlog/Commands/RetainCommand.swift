import ArgumentParser
import Gateway
import Logging
import Projections
import Runtime
import Workflows

struct RetainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retain",
        abstract: "Let telemetry leave the log when it is old; everything else stays.",
        discussion: """
            Says first what would go and what would stay, and asks. Partitions of telemetry leave as whole tables; \
            telemetry from before the log had partitions is deleted bit by bit. The state of each device behind its \
            last leaving event is stored first. Servers work meanwhile. If it is interrupted, run it again.

            What a view or the workflows have not seen yet stays, and so does all that is newer.
            """)

    @Option(help: "How old telemetry must be to go: a number of days or hours, such as 30d or 48h.")
    var telemetry: String

    @Flag(help: "Only say what would go.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Take partitions out of the log and leave them as tables of their own.")
    var keepDetached = false

    @Flag(help: "Let go also what views and workflows have not seen: it will be missing in them for good.")
    var unseen = false

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if seconds == nil { throw ValidationError("--telemetry is a number of days or hours, such as 30d or 48h") }
    }

    private var seconds: Int64? {
        guard let unit = ["d": Int64(86_400), "h": 3_600][telemetry.suffix(1)],
            let count = Int64(telemetry.dropLast()), (0...36_500).contains(count)
        else { return nil }
        return count * unit
    }

    func run() async throws {
        try ArmedFailpoint(SettingsSources(flags: [:]))?.arm()
        let cutoff = Timestamp(microseconds: Timestamp.now().microseconds - (seconds ?? 0) * 1_000_000)
        try await LogAccess.with(installation.ownerURL()) { log in
            let retention = LogRetention(
                of: log.pool, store: log.store, folds: KnownEvents.streamFolds, telemetry: KnownEvents.telemetry)
            let plan = try await retention.plan(before: cutoff, readers: unseen ? [] : try await readers(log))
            if dryRun || plan.isEmpty { return try Console.answer(plan.text) }
            Console.say(plan.text)
            guard yes || Console.confirm("Shall they go? There is no way back but a backup.") else {
                try Console.answer("Nothing was done.")
                throw ExitCode(1)
            }
            let bar = ProgressBar("retain")
            defer { bar.finish() }
            var gone: Int64 = 0
            let details = ["recordedBefore": "\(cutoff)", "events": "\(plan.events)"]
            try await log.administer(.retentionBegun, "telemetry", details, ended: .retentionEnded) {
                try await retention.perform(plan, keepsDetached: keepDetached) { step in
                    switch step {
                    case .finished(let name):
                        gone += plan.partitions.first { $0.name == name }?.events ?? 0
                        bar.report(gone, of: plan.events)
                    case .deleted(let events):
                        gone += events
                        bar.report(gone, of: plan.events)
                    case .floors, .announced, .detached: break
                    }
                }
            }
            try Console.answer("\(gone) events have left the log.")
        }
    }
}

extension RetainCommand {
    private func readers(_ log: LogAccess) async throws -> [LogReader] {
        try await ViewReaders.all(log.pool) + PostgresWorkflowQueries(pool: log.pool).readers()
    }
}

extension RetentionPlan {
    fileprivate var text: String { ([holding].compactMap { $0 } + [leaving]).joined(separator: "\n") }

    /// Who must go on first, and how.
    private var holding: String? {
        lastReader.map { reader in
            """
            What lies behind position \(reader.position) stays, not seen yet by \(reader.name). 'fleetlog projections' shows \
            how far each view has come; where no server runs, start one.
            """
        }
    }

    private var leaving: String {
        if isEmpty, lastReader != nil { return "No whole partition lies before that. Nothing to do." }
        if isEmpty { return "No telemetry is older than \(cutoff) as far as whole partitions go. Nothing to do." }
        var lines = ["Telemetry recorded before \(cutoff) would leave the log:"]
        for partition in partitions {
            let span = [partition.oldest, partition.newest].map { $0.map { "\($0)" } ?? "-" }
            lines.append(
                "  \(partition.name): \(partition.events) events of positions \(partition.firstPosition) to "
                    + "\(partition.endPosition - 1), recorded \(span[0]) to \(span[1]), "
                    + "\(partition.bytes / 1_048_576) MiB")
        }
        if mixedEvents > 0 {
            lines.append(
                "  events_mixed: \(mixedEvents) events; Postgres gives their space back to the disk only by "
                    + "'vacuum full events_mixed', which locks that table")
        }
        lines.append("In all \(events) events; \(bytes / 1_048_576) MiB become free.")
        lines.append(
            "What stays: \(keptPartitions) newer partitions of telemetry (\(keptBytes / 1_048_576) MiB), all events of "
                + "other kinds, and the state of each device at its last event that goes.")
        return lines.joined(separator: "\n")
    }
}
