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
        /// Of how many devices rows were compared, where that is not all there is to say of them.
        var devices: Int?
        /// How many there are, if only a sample of them was compared.
        var devicesInLog: Int?
        /// Devices of which telemetry has left the log.
        var retainedDevices: Int?
        /// Rows that cannot be compared, since what they were made of has left the log.
        var retainedRows: Int?

        var text: String {
            var text = "View \(name): \(rows) rows"
            if let devices { text += " of \(devices) devices" }
            text += " compared as of position \(position)"
            if let devicesInLog { text += "; a sample of \(devicesInLog) devices" }
            text += "."
            if let retainedDevices, let retainedRows, retainedDevices > 0 {
                text += """
                     Telemetry of \(retainedDevices) of them has left the log: \(retainedRows) more rows cannot be compared \
                    in full, only that what the log still has is in them.
                    """
            }
            return text
        }
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
        lines += views.map(\.text)
        if ok {
            lines.append("Nothing is missing, doubled, out of order or unreadable, and all that was made of it fits.")
        }
        lines += findings.map { "FINDING: \($0)" }
        if findingsCount > findings.count { lines.append("and \(findingsCount - findings.count) more findings") }
        return lines.joined(separator: "\n")
    }
}

extension AuditResult.View {
    /// - Parameter count: how many devices there are, if a sample was compared.
    init(_ view: ComparedView, of count: Int?) {
        self.init(
            name: view.name, position: view.position, rows: Int(view.rows), devices: view.streams, devicesInLog: count,
            retainedDevices: view.shortenedStreams, retainedRows: Int(view.untoldRows))
    }
}

extension ViewLaw {
    var summary: AuditResult.View { .init(name: P.name, position: position, rows: rowCount) }
}
