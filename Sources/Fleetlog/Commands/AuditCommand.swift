import ArgumentParser
import Projections
import Runtime

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Prove what the log promises.",
        subcommands: [
            AuditCheckCommand.self, AuditVerifyCommand.self, AuditHeadCommand.self, AuditExportCommand.self,
            AuditKeyCommand.self,
        ],
        defaultSubcommand: AuditCheckCommand.self)
}

struct AuditCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Prove over the whole log that nothing is missing, doubled or unreadable, and that all made of it fits.",
        discussion: """
            Checks, up to the head of the log as of now: positions without gap, recorded time that never turns back, \
            versions without gap in each stream, each command at most once in a stream, events that this program reads, \
            snapshots equal to a fold of their events, views equal to a rebuild. Only reads; the server may work \
            meanwhile. Ends with status 0 if nothing is wrong, and with 1 and a list of findings otherwise.
            """)

    @Option(help: "Streams whose snapshots are compared, chosen at random; all without it.")
    var sample: Int?

    @Option(
        help: "Devices whose rows of the views telemetry and states are compared, chosen at random; all without it.")
    var devices: Int?

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if let sample, sample < 0 { throw ValidationError("--sample is a number from 0") }
        if let devices, devices < 0 { throw ValidationError("--devices is a number from 0") }
    }

    func run() async throws {
        let result = try await Self.audit(installation.serverURL(), sample: sample, devices: devices)
        try result.end(as: json ? .json : .text)
    }

    /// - Parameters:
    ///   - sample: streams whose snapshots are compared; all if nil.
    ///   - devices: those whose telemetry and states are compared; all if nil.
    static func audit(_ databaseURL: String, sample: Int? = nil, devices count: Int? = nil) async throws -> AuditResult
    {
        try await LogAccess.with(databaseURL) { log in
            let devices = try await ViewLaw(DevicesProjection.self, in: log.pool)
            let accounts = try await ViewLaw(AccountsProjection.self, in: log.pool)
            let alerts = try await ViewLaw(AlertsProjection.self, in: log.pool)
            let rollouts = try await ViewLaw(RolloutsProjection.self, in: log.pool)
            let rolloutDevices = try await ViewLaw(RolloutDevicesProjection.self, in: log.pool)
            let bars = (
                positions: ProgressBar("audit positions"), streams: ProgressBar("audit streams"),
                devices: ProgressBar("audit devices")
            )
            let views: [any StreamLaw] = [devices, accounts, alerts, rollouts, rolloutDevices]
            let audit = LogAudit(of: log.pool, laws: KnownEvents.laws + views, sample: sample)
            var report = try await audit.run { pass, done, head in
                switch pass {
                case .positions: bars.positions.report(done, of: head)
                case .streams: bars.streams.report(done, of: head)
                }
            }
            bars.streams.finish()
            let ranges = ViewRangeAudit(
                [TelemetryProjection.self, StatesProjection.self], of: TelemetryProjection.category, store: log.store,
                pool: log.pool)
            let head = report.head
            let compared = try await ranges.run(sample: count, &report.findings) {
                bars.devices.report($0, of: $1 ?? head)
            }
            bars.devices.finish()
            return AuditResult(
                report,
                views: [devices.summary, accounts.summary, alerts.summary, rollouts.summary, rolloutDevices.summary]
                    + compared.views.map { .init($0, of: compared.streamsInLog) })
        }
    }
}
