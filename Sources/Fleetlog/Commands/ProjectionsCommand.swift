import ArgumentParser
import Gateway
import Projections
import Runtime

struct ProjectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "projections", abstract: "Look after the views and their generations.",
        subcommands: [
            ProjectionsListCommand.self, ProjectionsSwapBackCommand.self, ProjectionsDropPreviousCommand.self,
            ProjectionsPauseCommand.self, ProjectionsResumeCommand.self,
        ], defaultSubcommand: ProjectionsListCommand.self)
}

struct ProjectionsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "How the views are doing, and which generations there are.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await LogAccess.with(installation.serverURL()) { log in
            let views = try await PostgresFleetQueries(pool: log.pool).projections()
            let work = try await RebuildFollowing(log).rebuilds.statuses()
            for view in views {
                try Console.answer(
                    "\(view.name): \(view.state.rawValue), position \(view.position), \(view.tether.events) behind")
                if let failure = view.failure { try Console.answer("  \(failure)") }
                if view.stuckCount > 0 {
                    try Console.answer("  \(view.stuckCount) entities are stuck, among them:")
                    for stuck in try await RebuildFollowing(log).rebuilds.stuck(view.name, limit: 10) {
                        try Console.answer("    \(stuck)")
                    }
                }
                let status = work.first { $0.name == view.name }
                for generation in status?.generations ?? [] {
                    try Console.answer(
                        "  generation \(generation.number): \(generation.role.rawValue), position "
                            + "\(generation.position), definition \(generation.definition)")
                }
                if let rebuild = status?.rebuild, rebuild.state.isOpen {
                    let left = rebuild.progress.secondsLeft.map { ", \(Int($0)) s left" } ?? ""
                    try Console.answer(
                        "  rebuild \(rebuild.state.rawValue): \(rebuild.progress.position) of \(rebuild.progress.head), "
                            + "\(Int(rebuild.progress.eventRate)) events/s\(left)")
                    if let failure = rebuild.failure { try Console.answer("  \(failure)") }
                }
            }
        }
    }
}

struct ProjectionsSwapBackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swap-back",
        abstract: "Let the previous generation of a view take over again, once it is up to date.")

    @Argument(help: "The view.")
    var view: ViewName

    @Flag(help: "Let it lack telemetry that has left the log since it was live.")
    var acceptLoss = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try ArmedFailpoint(SettingsSources(flags: [:]))?.arm()
        try await LogAccess.with(installation.serverURL()) { log in
            let following = RebuildFollowing(log)
            let details = acceptLoss ? ["acceptLoss": "true"] : [:]
            do {
                let rebuild = try await log.administer(.viewSwapBackRequested, view.name, details) {
                    try await following.rebuilds.swapBack(
                        view.name, acceptingLoss: acceptLoss, askedBy: "command line")
                }
                try Console.answer(try await following.follow(rebuild).text)
            } catch RebuildError.lacksEvents {
                throw SettingsError("\(view.name): \(RebuildError.lacksEvents); give --accept-loss if it may")
            }
        }
    }
}

struct ProjectionsDropPreviousCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop-previous", abstract: "Delete all generations of a view but the live one.")

    @Argument(help: "The view.")
    var view: ViewName

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try ArmedFailpoint(SettingsSources(flags: [:]))?.arm()
        try await LogAccess.with(installation.serverURL()) { log in
            let following = RebuildFollowing(log)
            try await log.administer(.viewDropRequested, view.name) {
                try await following.rebuilds.dropPrevious(view.name)
            }
            try await following.sweep(view.name)
            try Console.answer("\(view.name) has its live generation only.")
        }
    }
}

struct ProjectionsPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let a view stand still as a whole; it goes on being served as it is.")

    @Argument(help: "The view.")
    var view: ViewName

    @Option(help: "Why, for those who ask.")
    var reason = "paused by an operator"

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await LogAccess.with(installation.serverURL()) { log in
            try await log.administer(.viewPauseRequested, view.name, ["reason": reason]) {
                try await RebuildFollowing(log).rebuilds.pause(view.name, reason: reason, by: "command line")
            }
            try Console.answer("\(view.name) pauses.")
        }
    }
}

struct ProjectionsResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a view that pauses, and with the entities that are stuck in it.",
        discussion: "What waited is folded in order, from the event at which it stood; nothing is skipped.")

    @Argument(help: "The view.")
    var view: ViewName

    @Option(help: "Only this entity: the id of a device, account, alert or rollout.")
    var entity: String?

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await LogAccess.with(installation.serverURL()) { log in
            let outcome = try await log.administer(
                .viewResumptionRequested, view.name, entity.map { ["entity": $0] } ?? [:]
            ) {
                try await RebuildFollowing(log).rebuilds.resume(view.name, entity: entity)
            }
            try Console.answer("\(outcome.resumed) entities go on, \(outcome.stuck.count) are still stuck.")
            for stuck in outcome.stuck.prefix(100) { try Console.answer("  \(stuck)") }
            if !outcome.stuck.isEmpty { throw ExitCode(1) }
        }
    }
}
