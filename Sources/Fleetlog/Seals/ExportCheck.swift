import Foundation
import Gateway
import Runtime

/// Verifies an export line by line, without the database.
struct ExportCheck {
    private var check: SealCheck
    private var outside: ArraySlice<SignedHead>

    /// - Parameter outside: heads that were kept elsewhere.
    init(trusting keys: Set<SealVerifier>, outside: [SignedHead]) {
        check = SealCheck(trusting: keys)
        self.outside = outside.sorted { $0.size < $1.size }[...]
    }

    /// - Throws: if the file cannot be read.
    static func run(
        on path: String, trusting keys: Set<SealVerifier>, outside: [SignedHead], _ progress: (Int64, Int64) -> Void
    ) throws -> SealAudit.Report {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw SettingsError("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { try? file.close() }
        let size = Int64(try file.seekToEnd())
        try file.seek(toOffset: 0)
        var (export, rest, number, done) = (ExportCheck(trusting: keys, outside: outside), [UInt8](), 0, Int64(0))
        while let data = try file.read(upToCount: 4 << 20), !data.isEmpty {
            rest += data
            done += Int64(data.count)
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                export.take(Array(rest[start..<end]), number)
                start = end + 1
            }
            rest.removeFirst(start)
            progress(done, size)
        }
        if !rest.isEmpty { export.take(rest, number + 1) }
        return export.finish()
    }

    mutating func take(_ bytes: [UInt8], _ number: Int) {
        let line: ExportedLine
        do throws(MalformedLine) {
            line = try ExportedLine(bytes)
        } catch {
            return check.note(check.position + 1, "line \(number) cannot be read: \(error.reason)")
        }
        switch line {
        case .event(let event, let leaf):
            skip(to: event.position, number)
            check.take(.leaf(event.sealedBytes), sealed: leaf)
        case .departed(let position, let leaf):
            skip(to: position, number)
            check.take(nil, sealed: leaf, mayBeMissing: true)
        case .head(let head):
            guard head.size == check.position else {
                return check.note(head.size, "line \(number): the head does not belong here")
            }
            check.take(head)
        }
        while let head = outside.first, head.size == check.position { check.take(outside.removeFirst()) }
    }

    /// Notes what is missing before a line, or that the line is out of order.
    private mutating func skip(to position: Int64, _ number: Int) {
        let wanted = check.position + 1
        if position == wanted { return }
        if position < wanted {
            check.note(position, "line \(number): the event comes twice, or too late")
        } else if position - wanted > 1_000_000 {
            check.note(wanted, "line \(number): position \(position) follows, which leaves out too much to go on")
        } else {
            while check.position + 1 < position { check.take(nil, sealed: nil) }
        }
    }

    mutating func finish() -> SealAudit.Report {
        for head in outside { check.take(beyondEnd: head) }
        // Whoever alters a line can alter its leaf.
        return check.report(sealed: check.proved)
    }
}
