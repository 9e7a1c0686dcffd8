import Aggregates
import ArgumentParser
import Foundation
import Runtime

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Prove that the log has no gaps, keeps its order, can be read, and agrees with its snapshots.",
        discussion: "Ends with status 0 if nothing is wrong, and with 1 and a list of findings otherwise.")

    @Option(help: "Streams whose snapshot is compared with a fold of their events.")
    var sample = 1_000

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await LogAccess.with(installation.serverURL()) { log in
            let bar = ProgressBar("audit")
            let report = try await LogAudit(
                of: log.store, snapshots: log.snapshots,
                subjects: [.init(Device.self), .init(Account.self), .init(Alert.self), .init(Rollout.self)],
                sample: sample
            ).run { position, head in bar.report(position, of: head) }
            bar.finish()
            print(
                "\(report.events) events in \(report.streams) streams read, \(report.snapshots) snapshots compared.")
            if report.findings.isEmpty {
                print("Nothing is missing, doubled, out of order or unreadable.")
            } else {
                for finding in report.findings { print("FINDING: \(finding)") }
                throw ExitCode(1)
            }
        }
    }
}
