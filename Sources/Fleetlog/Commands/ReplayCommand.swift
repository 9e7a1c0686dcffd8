import ArgumentParser
import Foundation
import Gateway
import Projections
import Runtime

/// The name of a view, on the command line.
struct ViewName: ExpressibleByArgument {
    let name: String

    init?(argument: String) {
        guard KnownEvents.views.contains(where: { $0.name == argument }) else { return nil }
        name = argument
    }

    static let allValueStrings = KnownEvents.views.map { $0.name }
}

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Rebuild a view from the log beside the live one, compare the two, and let it take over.",
        discussion: """
            Sends nothing anywhere. The live view goes on serving until the new one takes over, and is kept: see \
            'fleetlog projections'. The work is done by a running server, else by this command. Interrupted, it goes on \
            where it was, in a server or when this command is run again.
            """)

    @Argument(help: "The view to rebuild: \(ViewName.allValueStrings.joined(separator: ", ")).")
    var view: ViewName

    @Option(help: "Rebuild the rows of this one device, account, alert or rollout only, at once.")
    var only: String?

    @Option(help: "Fold at most so many events a second; as many as the machine can by default.")
    var eventsPerSecond: Int?

    @Flag(help: "Let the rebuild of this view rest where it is.")
    var pause = false

    @Flag(help: "Go on with a rebuild that rests or has failed.")
    var resume = false

    @Flag(help: "Give the rebuild of this view up.")
    var cancel = false

    @Flag(help: "Let go what the live view has kept of telemetry that has left the log.")
    var acceptLoss = false

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if [pause, resume, cancel, only != nil, eventsPerSecond != nil].filter({ $0 }).count > 1 {
            throw ValidationError("give one of --only, --events-per-second, --pause, --resume and --cancel")
        }
        if let eventsPerSecond, !(1...10_000_000).contains(eventsPerSecond) {
            throw ValidationError("--events-per-second is a number from 1 to 10000000")
        }
    }

    func run() async throws {
        try ArmedFailpoint(SettingsSources(flags: [:]))?.arm()
        try await LogAccess.with(installation.serverURL()) { log in
            let following = RebuildFollowing(log)
            do {
                let begun = try await log.administer(act, view.name, details) { try await begin(following.rebuilds) }
                switch begun {
                case .underWay(let rebuild): try Console.answer(try await following.follow(rebuild).text)
                case .done(let text): try Console.answer(text)
                }
            } catch RebuildError.unavailable(let reason) {
                throw SettingsError(reason)
            } catch RebuildError.lossy {
                throw SettingsError("\(view.name): \(RebuildError.lossy); give --accept-loss if it may go")
            } catch let error as RebuildError {
                throw SettingsError("\(view.name): \(error)")
            }
        }
    }

    /// Named as in the request over HTTP.
    private var details: [String: String] {
        var details: [String: String] = [:]
        if let only { details["only"] = only }
        if let eventsPerSecond { details["eventsPerSecond"] = "\(eventsPerSecond)" }
        if acceptLoss { details["acceptLoss"] = "true" }
        return details
    }

    private var act: AdministrativeAct.Kind {
        if pause { return .viewRebuildPauseRequested }
        if cancel { return .viewRebuildCancellationRequested }
        return resume ? .viewRebuildResumptionRequested : .viewRebuildRequested
    }

    private enum Begun {
        /// To be followed to its end.
        case underWay(Rebuild)
        case done(String)
    }

    private func begin(_ rebuilds: PostgresRebuilds) async throws(RebuildError) -> Begun {
        if let only { return .done((try await rebuilds.rebuild(view.name, only: only)).text) }
        if pause {
            _ = try await rebuilds.pause(view.name)
            return .done("The rebuild of \(view.name) rests.")
        }
        if cancel {
            _ = try await rebuilds.cancel(view.name)
            return .done("The rebuild of \(view.name) is given up.")
        }
        return .underWay(try await start(rebuilds))
    }

    /// One that was interrupted is gone on with.
    private func start(_ rebuilds: PostgresRebuilds) async throws(RebuildError) -> Rebuild {
        if resume { return try await rebuilds.resume(view.name) }
        do throws(RebuildError) {
            return try await rebuilds.start(
                view.name, eventLimit: eventsPerSecond, acceptingLoss: acceptLoss, askedBy: "command line")
        } catch .alreadyOpen {
            let name = view.name
            guard let open = try await rebuilds.statuses().first(where: { $0.name == name })?.rebuild,
                open.state == .running
            else { throw .alreadyOpen }
            return open
        }
    }
}

extension Rebuild {
    var text: String {
        guard let comparison else {
            return "\(projection) is at position \(progress.position) again, as generation \(generation)."
        }
        var lines = [
            """
            \(progress.events) events folded into \(comparison.nextRows) rows as of position \(comparison.position); \
            the view before had \(comparison.liveRows) rows and was \(comparison.isIdentical ? "identical" : "different").
            """
        ]
        if !comparison.isIdentical {
            lines.append("\(comparison.differingRows) rows differ, among them:")
            lines += comparison.sample.flatMap(\.lines)
        }
        return lines.joined(separator: "\n")
    }
}

extension EntityRebuild.Outcome {
    fileprivate var text: String {
        let verdict = differingRows == 0 ? "identical" : "different"
        let lines = ["\(events) events of \(id) folded into \(rows) rows as of position \(position): \(verdict)."]
        return (lines + sample.flatMap(\.lines)).joined(separator: "\n")
    }
}

extension RowDifference {
    fileprivate var lines: [String] {
        ["  \(id)", "    live: \(live ?? "-")", "    next: \(next ?? "-")"]
    }
}
