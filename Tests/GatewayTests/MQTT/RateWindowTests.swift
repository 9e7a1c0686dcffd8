import Testing

@testable import Gateway

@Suite struct `The ingest rate` {
    @Test func `is what came in the last seconds, and falls when nothing comes`() {
        let start = ContinuousClock.now
        var window = RateWindow(seconds: 10, from: start)
        #expect(window.add(50, at: start) == 5)
        #expect(window.add(50, at: start + .seconds(9)) == 10)
        #expect(window.add(0, at: start + .seconds(10)) == 5)
        #expect(window.add(0, at: start + .seconds(18)) == 5)
        #expect(window.add(0, at: start + .seconds(19)) == 0)
        #expect(window.add(10, at: start + .seconds(1_000)) == 1)
    }
}
