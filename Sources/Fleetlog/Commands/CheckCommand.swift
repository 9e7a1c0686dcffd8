import ArgumentParser
import Runtime

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read and fold what the log holds with this program, before it takes traffic.",
        discussion: """
            Goes through every event type and schema version in the log, reads events of each with this program, and \
            folds whole streams that hold them, as aggregates and as views. Names what would break. Only reads, needs \
            no migration, and may run beside the program that serves now. Ends with status 0 if nothing would break, \
            else with 1.
            """)

    @Flag(help: "Read every event, however long the log is; without it up to 200 of each kind, of a long log.")
    var all = false

    @Option(help: "Streams of each kind of event to fold.")
    var streams = 5

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if streams < 0 { throw ValidationError("--streams is a number from 0") }
    }

    func run() async throws {
        let result = try await LogAccess.with(installation.serverURL(), mayLackMigrations: true) { log in
            let bar = ProgressBar("check")
            defer { bar.finish() }
            return try await DeployCheck(log: log, readsAll: all, streams: streams).run { bar.report($0, of: $1) }
        }
        try Console.answer(json ? try JSONLine.of(result) : result.text)
        if !result.ok { throw ExitCode(1) }
    }
}

extension DeployCheck.Result {
    fileprivate var text: String {
        var lines = kinds.map { kind in
            "\(kind.name): \(kind.events) events, \(kind.read) read, \(kind.failed) of them failed"
        }
        lines.append("\(streams) streams folded, up to position \(head).")
        for kind in kinds {
            guard let problem = kind.problem else { continue }
            lines.append(
                "WOULD BREAK: \(kind.name), \(kind.events) events, such as position \(kind.position): \(problem)")
        }
        lines += folds.map { "WOULD BREAK: \($0)" }
        if ok { lines.append("This program reads all of it.") }
        return lines.joined(separator: "\n")
    }
}
