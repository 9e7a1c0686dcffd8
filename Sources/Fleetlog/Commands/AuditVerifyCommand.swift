import ArgumentParser
import Foundation
import Runtime

struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that the log is what was sealed and signed: nothing altered, taken out or cut off.",
        discussion: """
            Reads every event, and compares it with the seals and the signed heads. Whoever may change the database may \
            also remove heads from it; so keep heads elsewhere ('fleetlog audit head', or --seal-heads-file of the \
            server) and give them here. With --export no database is needed. Ends with status 0 if nothing is wrong, \
            and with 1 and a list of findings otherwise.
            """)

    @Option(help: "A public key, or a file of them; may be given again. Default: seal-key.pub of the installation.")
    var key: [String] = []

    @Option(help: "A file of heads that were kept elsewhere; may be given again.")
    var head: [String] = []

    @Option(help: "Verify this export instead of a database.")
    var export: String?

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let (keys, heads) = (try trusted(), try head.flatMap { try Self.heads(in: $0) })
        let bar = ProgressBar("verify")
        let report: SealAudit.Report
        if let export {
            report = try ExportCheck.run(on: export, trusting: keys, outside: heads) { bar.report($0, of: $1) }
        } else {
            report = try await LogAccess.with(installation.serverURL()) { log in
                try await SealAudit(of: log.pool, trusting: keys, outside: heads, telemetry: KnownEvents.telemetry)
                    .run { bar.report($0, of: $1) }
            }
        }
        bar.finish()
        try VerifyResult(report).end(asJSON: json)
    }

    private func trusted() throws -> Set<SealVerifier> {
        let ofInstallation = installation.folder + "/seal-key.pub"
        let given = key.isEmpty && FileManager.default.fileExists(atPath: ofInstallation) ? [ofInstallation] : key
        var keys: Set<SealVerifier> = []
        for text in given {
            let lines = (try? String(contentsOfFile: text, encoding: .utf8)) ?? text
            for line in lines.split(whereSeparator: \.isNewline) { keys.insert(try SealVerifier(String(line))) }
        }
        guard !keys.isEmpty else {
            throw SettingsError("no public key: give --key, or run it where \(ofInstallation) is")
        }
        return keys
    }

    /// Notes one after the other, as the server writes them.
    private static func heads(in path: String) throws -> [SignedHead] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw SettingsError("\(path) cannot be read")
        }
        var (heads, note, isSigned) = ([SignedHead](), "", false)
        // What was saved from an e-mail may end its lines with both.
        for line in text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false) {
            if isSigned, !line.hasPrefix("— ") {
                heads.append(try SignedHead(note))
                (note, isSigned) = ("", false)
                if line.isEmpty { continue }
            }
            note += line + "\n"
            isSigned = isSigned || line.hasPrefix("— ")
        }
        if isSigned { heads.append(try SignedHead(note)) }
        guard !heads.isEmpty else { throw SettingsError("\(path) holds no head") }
        return heads
    }
}

/// What a verification found, as it is printed.
private struct VerifyResult: Encodable {
    var ok: Bool
    var head: Int64
    var sealed: Int64
    /// Up to where a head fits.
    var proved: Int64
    var heads: Int
    var departed: Int64
    var findingsCount: Int
    var findings: [AuditFinding]

    init(_ report: SealAudit.Report) {
        ok = report.findings.count == 0 && report.heads > 0
        (head, sealed, proved) = (report.head, report.sealed, report.proved)
        (heads, departed) = (report.heads, report.departed)
        findingsCount = report.findings.count
        findings = report.findings.first
    }

    /// - Throws: the exit code 1 if something is wrong, or nothing was proved.
    func end(asJSON: Bool) throws {
        try Console.answer(asJSON ? try JSONLine.of(self) : text)
        if !ok { throw ExitCode(1) }
    }

    private var text: String {
        var lines = ["\(head) positions compared, \(sealed) of them sealed, and \(heads) signed heads."]
        if departed > 0 {
            lines.append("\(departed) events have left the log by retention; their seals were compared.")
        }
        lines += findings.map { "FINDING: \($0)" }
        if findingsCount > findings.count { lines.append("and \(findingsCount - findings.count) more findings") }
        if heads == 0 { lines.append("No head was found, so nothing is proved.") }
        if heads > 0, proved < head {
            lines.append("Nothing proves positions \(proved + 1) to \(head): no head that fits covers them.")
        }
        if ok { lines.append("Up to position \(proved) nothing was altered, taken out or cut off.") }
        return lines.joined(separator: "\n")
    }
}
