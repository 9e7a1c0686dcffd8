import Projections
import Runtime
import Synchronization
import Testing

@testable import Gateway

@Suite struct `The metrics of a view` {
    private func value(_ label: String, of view: String, in text: String) -> Double? {
        let start = "\(label){view=\"\(view)\"} "
        return text.split(separator: "\n").first { $0.hasPrefix(start) }.flatMap { Double($0.dropFirst(start.count)) }
    }

    @Test func `say how far it trails the log, how fast it is, and how many rows it has`() async {
        let queries = FoldedQueries(store: InMemoryEventStore())
        queries.tether.withLock { $0 = .init(events: 7, seconds: 12.5) }
        queries.stuckCount.withLock { $0 = 3 }
        let time = Mutex(ContinuousClock.now)
        let progress = ViewProgress(stretch: .seconds(5)) { time.withLock { $0 } }
        for second in 0...20 {
            progress.advance("devices", to: Int64(second) * 100)
            time.withLock { $0 += .seconds(1) }
        }
        let page = MetricsPage(
            metrics: PrometheusMetrics(), queries: queries, progress: progress, streams: StreamSlots(limit: 1))
        let before = String(decoding: await page.render(), as: UTF8.self)
        #expect(value("view_tether_length", of: "devices", in: before) == 7)
        #expect(value("view_tether_seconds", of: "devices", in: before) == 12.5)
        #expect(value("view_stuck_entities", of: "devices", in: before) == 3)
        #expect(value("view_paused", of: "devices", in: before) == 0)
        #expect((80...110).contains(value("view_rate", of: "devices", in: before) ?? 0), "\(before)")
        #expect(value("view_rate", of: "accounts", in: before) == 0)
        // What was not counted yet is not said to be nothing.
        #expect(value("view_rows", of: "devices", in: before) == nil)

        queries.content.withLock {
            $0 = ViewContent(rowCount: 42, digest: "1", position: 9, countedTime: Timestamp(microseconds: 1))
        }
        let after = String(decoding: await page.render(), as: UTF8.self)
        #expect(value("view_rows", of: "devices", in: after) == 42)
    }
}
