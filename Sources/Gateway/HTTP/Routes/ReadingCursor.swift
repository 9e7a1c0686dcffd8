/// Where a page of readings has ended: with an event, or among the items of one.
struct ReadingCursor: Sendable, Hashable {
    /// The version of the last event of which everything is answered.
    var version: Int64 = 0
    /// How many items of the event behind it are answered.
    var items = 0
}

extension ReadingCursor {
    var text: String { items == 0 ? "\(version)" : "\(version).\(items)" }

    init(_ text: String?) throws(Problem) {
        guard let text else { return }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let version = Int64(parts[0]), (0..<Int64.max).contains(version),
            let items = parts.count > 1 ? Int(parts[1]) : 0, items >= 0
        else { throw .malformed("after", "after must be 0, or what an earlier answer gave as next.") }
        (self.version, self.items) = (version, items)
    }
}
