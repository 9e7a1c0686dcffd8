import ArgumentParser
import Foundation

struct DevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "Register devices, and certify them.",
        subcommands: [Import.self, CertifyCommand.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register the devices of a CSV or NDJSON file.",
            discussion: """
                A CSV file begins with a header: serial, type, and any of name, latitude, longitude, location, metadata \
                (a JSON object) and label.KEY. A line of NDJSON is what POST /api/v1/devices takes. The keys of the \
                devices are written to FILE.keys (mode 0600), lines that are refused to FILE.refused with their reason. \
                Run again with the same file, it goes on. Ends with status 1 if lines were refused.
                """)

        @Argument(help: "The file; - for standard input.")
        var file: String

        @Option(help: "csv or ndjson; by the file's name without it, else csv.")
        var format: String?

        @Option(help: "The account the devices are registered in; the token's, or 'default', without it.")
        var account: String?

        @Option(help: "Where the keys are written to, and read from when the import goes on.")
        var keys: String?

        @Option(help: "Where refused lines are written to.")
        var refused: String?

        @OptionGroup var server: APIOptions

        func run() async throws {
            let address = try server.address()
            let token = try server.accessToken()
            let bytes = try contents()
            let lines = try DeviceLines(bytes, as: try known(format))
            let name = file == "-" ? "devices" : file
            let files = try ImportFiles(keys: keys ?? name + ".keys", refused: refused ?? name + ".refused")
            let api = ImportAPI(address, token: token)
            let total = Int64(bytes.count { $0 == UInt8(ascii: "\n") })
            let (start, bar) = (ContinuousClock.now, ProgressBar("import"))
            let report: DeviceImport.Report
            do {
                defer { bar.finish() }
                report = try await DeviceImport(api: api, files: files, account: account).run(lines) {
                    bar.report(Int64($0), of: max(total, Int64($0)))
                }
            }
            let seconds = ((ContinuousClock.now - start) / .milliseconds(100)).rounded() / 10
            try Console.answer(
                """
                \(report.registered) registered, \(report.known) registered earlier, \(report.refused) refused, \
                in \(seconds) s. Keys: \(files.keysPath)\(report.refused > 0 ? ". Refused: \(files.refusedPath)" : "")
                """)
            if report.refused > 0 { throw ExitCode(1) }
        }

        private func contents() throws -> [UInt8] {
            do {
                if file == "-" { return Array(try FileHandle.standardInput.readToEnd() ?? Data()) }
                return Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            } catch {
                throw ValidationError("\(file) cannot be read: \(error.localizedDescription)")
            }
        }

        private func known(_ format: String?) throws -> DeviceLines.Format {
            guard let format else {
                return [".ndjson", ".jsonl"].contains { file.hasSuffix($0) } ? .ndjson : .csv
            }
            guard let known = DeviceLines.Format(rawValue: format) else {
                throw ValidationError("--format '\(format)' is unknown: give csv or ndjson")
            }
            return known
        }
    }
}
