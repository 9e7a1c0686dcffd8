import ArgumentParser
import Projections
import Runtime

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Rebuild a view from the log beside the live one, compare the two, and let it take over.",
        discussion: "Sends nothing anywhere. The live view goes on serving until the new one takes over.")

    enum View: String, ExpressibleByArgument, CaseIterable {
        case devices, accounts, alerts, rollouts
        case rolloutDevices = "rollout-devices"
    }

    @Argument(help: "The view to rebuild: \(View.allCases.map(\.rawValue).joined(separator: ", ")).")
    var view: View

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await LogAccess.with(installation.serverURL()) { log in
            switch view {
            case .devices: try await rebuild(DevicesProjection.self, log)
            case .accounts: try await rebuild(AccountsProjection.self, log)
            case .alerts: try await rebuild(AlertsProjection.self, log)
            case .rollouts: try await rebuild(RolloutsProjection.self, log)
            case .rolloutDevices: try await rebuild(RolloutDevicesProjection.self, log)
            }
        }
    }

    private func rebuild<P: WideProjection>(_ projection: P.Type, _ log: LogAccess) async throws {
        let bar = ProgressBar("replay \(P.name)")
        let comparison = try await ProjectionRebuild(projection, store: log.store, pool: log.pool).run { progress in
            bar.report(progress.position, of: progress.head)
        }
        bar.finish()
        print(
            """
            \(comparison.events) events folded into \(comparison.nextRows) rows as of position \(comparison.position); \
            the view before had \(comparison.liveRows) rows and was \(comparison.identical ? "identical" : "different").
            """)
    }
}
