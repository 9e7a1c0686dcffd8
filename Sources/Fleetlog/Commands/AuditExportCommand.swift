import ArgumentParser
import Gateway
import Runtime

struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the log as lines of CloudEvents, with its signed heads.",
        discussion: """
            An export from the beginning can be verified without the database: 'fleetlog audit verify --export FILE'. \
            To go on with an export, give the last position in it as --after and the same file. It is as it was before \
            until all of it is there.
            """)

    @Argument(help: "The file to write; '-' for the standard output.")
    var file: String

    @Option(help: "Begin behind this position.")
    var after: Int64 = 0

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if after < 0 { throw ValidationError("--after is a position, a number from 0") }
    }

    func run() async throws {
        let bar = ProgressBar("export")
        try await LogAccess.with(installation.serverURL()) { log in
            var output = try ExportFile(file, behind: after)
            defer { output.abandon() }
            try await log.administer(.logExportBegun, nil, ["after": "\(after)"], ended: .logExportEnded) {
                try await SealedExport(of: log.pool).run(after: after) { done, head in
                    bar.report(done, of: head)
                } _: { item in
                    try output.add(item)
                }
                try output.finish()
            }
        }
        bar.finish()
    }
}
