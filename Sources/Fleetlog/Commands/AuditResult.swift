import ArgumentParser
import Projections
import Runtime

/// What an audit found, as it is printed.
struct AuditResult: Encodable {
    enum Form { case text, json }

    struct View: Encodable {
        var name: String
        /// As of which it was compared.
        var position: Int64
        var rows: Int
    }

    var ok: Bool
    var head: Int64
    var events: Int64
    var streams: Int64
    var snapshots: Int64
    var views: [View]
    /// All of them; `findings` are the first.
    var findingsCount: Int
    var findings: [AuditFinding]

    init(_ report: LogAudit.Report, views: [View]) {
        ok = report.findings.count == 0
        head = report.head
        events = report.events
        streams = report.streams
        snapshots = report.snapshots
        self.views = views
        findingsCount = report.findings.count
        findings = report.findings.first
    }

    /// Prints the result.
    ///
    /// - Throws: the exit code 1 if there are findings.
    func end(as form: Form) throws {
        switch form {
        case .json: try Console.answer(try JSONLine.of(self))
        case .text: try Console.answer(text)
        }
        if !ok { throw ExitCode(1) }
    }

    private var text: String {
        var lines = [
            "\(events) events in \(streams) streams read, up to position \(head); \(snapshots) snapshots compared."
        ]
        for view in views {
            lines.append("View \(view.name): \(view.rows) rows compared as of position \(view.position).")
        }
        if ok {
            lines.append("Nothing is missing, doubled, out of order or unreadable, and all that was made of it fits.")
        }
        lines += findings.map { "FINDING: \($0)" }
        if findingsCount > findings.count { lines.append("and \(findingsCount - findings.count) more findings") }
        return lines.joined(separator: "\n")
    }
}

extension ViewLaw {
    var summary: AuditResult.View { .init(name: P.name, position: position, rows: rowCount) }
}
