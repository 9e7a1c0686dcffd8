import ArgumentParser
import Foundation
import Gateway
import Runtime

struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the log as lines of CloudEvents, with its signed heads.",
        discussion: """
            An export from the beginning can be verified without the database: 'fleetlog audit verify --export FILE'. \
            To go on with an export, give the last position in it as --after and append.
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
        let output = try output()
        var lines: [UInt8] = []
        let bar = ProgressBar("export")
        try await LogAccess.with(installation.serverURL()) { log in
            try await log.administer(.logExportBegun, nil, ["after": "\(after)"], ended: .logExportEnded) {
                try await SealedExport(of: log.pool).run(after: after) { done, head in
                    bar.report(done, of: head)
                } _: { item in
                    ExportedLine(item).append(to: &lines)
                    if lines.count >= 1 << 20 {
                        try output.write(contentsOf: Data(lines))
                        lines.removeAll(keepingCapacity: true)
                    }
                }
            }
        }
        try output.write(contentsOf: Data(lines))
        bar.finish()
    }

    private func output() throws -> FileHandle {
        if file == "-" { return .standardOutput }
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (after > 0 ? O_APPEND : O_TRUNC)
        let descriptor = open(file, flags, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(file): \(String(cString: strerror(errno)))") }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
