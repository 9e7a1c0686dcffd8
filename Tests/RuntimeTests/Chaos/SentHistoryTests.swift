import Support
import Testing

@Suite struct `A comparison of what was sent with what was read` {
    /// `a` was acknowledged 1, 2 and 4, and `b` 1; of `a` 3 and `c` 1 nobody knows.
    private static let sent = SentHistory(
        acknowledged: Set(operations("a1 a2 a4 b1")), uncertain: Set(operations("a3 c1")))

    /// What is read, and what is wrong with it.
    struct Case: Sendable, CustomTestStringConvertible {
        let read: String
        let kinds: Set<Anomaly.Kind>

        init(_ read: String, _ kinds: Anomaly.Kind...) {
            self.read = read
            self.kinds = Set(kinds)
        }

        var testDescription: String { read }
    }

    static let logs: [Case] = [
        // Whatever was not answered may be there or not, and senders may mix.
        Case("a1 a2 b1 a4"), Case("b1 a1 a2 a3 a4 c1"),
        Case("", .lost), Case("a1 b1 a4", .lost), Case("a1 a2 a4", .lost),
        Case("a1 a2 a4 a5 b1", .unexpected), Case("a1 a2 a4 b1 d1", .unexpected),
        Case("a1 a2 a4 b1 a1", .duplicated), Case("a1 a2 a3 a3 a4 b1", .duplicated),
        Case("a1 a4 a2 b1", .reordered), Case("a1 a2 a4 a3 b1", .reordered),
        Case("a2 a1 a1 d1 b1", .reordered, .duplicated, .unexpected, .lost),
    ]

    @Test(arguments: logs)
    func `finds in the log`(_ log: Case) {
        let found = Self.sent.anomalies(inLog: Self.operations(log.read))
        #expect(Set(found.map(\.kind)) == log.kinds)
    }

    @Test func `finds what was in the log before and is gone, acknowledged or not`() {
        let read = Self.operations("a1 a2 a4 b1")
        #expect(Self.sent.anomalies(inLog: read, earlier: Set(read)).isEmpty)
        let found = Self.sent.anomalies(inLog: read, earlier: Set(Self.operations("a1 c1")))
        #expect(found.map(\.kind) == [.vanished])
    }

    /// Readings of a view one after another, each with the count of every sender.
    static let views: [Case] = [
        Case("a3 b1"), Case("a1, a2 b0, a4 b1 c1"),
        Case("a2 b1", .lost), Case("a3", .lost),
        Case("a3 b1 d1", .unexpected),
        Case("a5 b1", .duplicated),
        Case("a3 b1, a2 b1, a3 b1", .reordered),
        Case("c1 a3 b1, a3 b1", .vanished),
    ]

    @Test(arguments: views)
    func `finds in a view`(_ view: Case) {
        let readings = view.read.split(separator: ",").map { reading in
            Dictionary(uniqueKeysWithValues: Self.operations(String(reading)).map { ($0.sender, $0.number) })
        }
        let found = Self.sent.anomalies(inView: readings)
        #expect(Set(found.map(\.kind)) == view.kinds)
    }

    private static func operations(_ text: String) -> [SentHistory.Operation] {
        text.split(separator: " ").map { SentHistory.Operation(String($0.prefix(1)), Int($0.dropFirst()) ?? 0) }
    }
}
