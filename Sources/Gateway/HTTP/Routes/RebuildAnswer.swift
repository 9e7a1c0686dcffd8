import Aggregates
import Foundation
import Projections
import Runtime

/// A rebuild as it is shown.
struct RebuildAnswer: Encodable {
    var generation: Int32
    var kind: String
    var cause: String
    var definition: Int32
    var askedBy: String
    var eventsPerSecond: Int?
    var state: String
    var startedTime: String
    var changedTime: String
    var position: Int64
    var head: Int64
    var events: Int64
    var rate: Double
    var secondsLeft: Double?
    var comparison: Comparison?
    var failure: String?

    struct Comparison: Encodable {
        struct Content: Encodable {
            var rows: Int64
            var digest: String
        }

        var position: Int64
        var identical: Bool
        var live: Content
        var next: Content
        var differingRows: Int64
        /// Rows of all accounts: for those only who may see them all.
        var sample: [RowDifferenceAnswer]?
    }

    init(_ rebuild: Rebuild, for caller: Caller) {
        generation = rebuild.generation
        kind = rebuild.kind.rawValue
        cause = rebuild.cause.rawValue
        definition = rebuild.definition
        askedBy = rebuild.askedBy
        eventsPerSecond = rebuild.eventLimit
        state = rebuild.state.rawValue
        startedTime = rebuild.startedTime.description
        changedTime = rebuild.changedTime.description
        position = rebuild.progress.position
        head = rebuild.progress.head
        events = rebuild.progress.events
        rate = rebuild.progress.eventRate
        secondsLeft = rebuild.state.isOpen ? rebuild.progress.secondsLeft : nil
        comparison = rebuild.comparison.map { comparison in
            Comparison(
                position: comparison.position, identical: comparison.isIdentical,
                live: .init(rows: comparison.liveRows, digest: comparison.liveDigest),
                next: .init(rows: comparison.nextRows, digest: comparison.nextDigest),
                differingRows: comparison.differingRows,
                sample: caller.scope == .all ? comparison.sample.map { RowDifferenceAnswer($0) } : nil)
        }
        failure = rebuild.failure
    }
}

/// A row that two generations do not have alike.
struct RowDifferenceAnswer: Encodable {
    var id: String
    var live: JSONValue?
    var next: JSONValue?

    init(_ difference: RowDifference) {
        id = difference.id
        live = difference.live.flatMap { Self.value($0) }
        next = difference.next.flatMap { Self.value($0) }
    }

    /// Whose row it is, as far as it says so.
    var account: AccountID? {
        for case .object(let row)? in [next, live] {
            if case .text(let account)? = row["account"] { return AccountID(account) }
        }
        return nil
    }

    private static func value(_ text: String) -> JSONValue? {
        try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }
}
