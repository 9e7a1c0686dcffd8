/// One place where the log, or what was made of it, is otherwise than it must be.
package struct AuditFinding: Sendable, Hashable, Codable, CustomStringConvertible {
    /// What was broken.
    package enum Law: String, Sendable, Codable {
        /// Positions have no gap, and the head is the last of them.
        case positions
        /// Recorded time never turns back.
        case times
        /// The versions of a stream have no gap.
        case versions
        /// A command changed a stream once.
        case commands
        /// This program can read every event.
        case events
        /// A snapshot is the fold of its events.
        case snapshots
        /// A view is what a rebuild would make of the log.
        case views
        /// The log is what was sealed and signed.
        case seals
    }

    package var law: Law
    package var stream: String?
    package var version: Int64?
    package var position: Int64?
    package var problem: String

    package init(
        _ law: Law, stream: String? = nil, version: Int64? = nil, position: Int64? = nil, _ problem: String
    ) {
        self.law = law
        self.stream = stream
        self.version = version
        self.position = position
        self.problem = problem
    }

    package init(_ law: Law, at event: RecordedEvent, _ problem: String) {
        self.init(
            law, stream: event.stream.description, version: event.version, position: event.position, problem)
    }

    package var description: String {
        let place = [
            stream.map { "stream \($0)" }, version.map { "version \($0)" }, position.map { "position \($0)" },
        ].compactMap(\.self).joined(separator: ", ")
        return place.isEmpty ? "\(law): \(problem)" : "\(law): \(place): \(problem)"
    }
}

/// The findings of an audit: all are counted, the first are kept.
package struct AuditFindings: Sendable {
    static let limit = 100

    package private(set) var first: [AuditFinding] = []
    package private(set) var count = 0

    package init() {}

    package mutating func note(_ finding: AuditFinding) {
        count += 1
        if first.count < Self.limit { first.append(finding) }
    }
}
