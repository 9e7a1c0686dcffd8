import Testing
import Workflows

@Suite struct `The schedule of retries` {
    @Test func `waits longer each time and then gives up`() {
        let schedule = RetrySchedule.standard
        let delays = (1...9).compactMap { schedule.delay(afterFailure: $0, jitter: 0) }
        #expect(delays.first == .seconds(5) && delays.last == .seconds(86_400) && delays.count == 9)
        #expect(zip(delays, delays.dropFirst()).allSatisfy { $0 < $1 })
        #expect(schedule.delay(afterFailure: 10, jitter: 0) == nil)
        #expect(schedule.delay(afterFailure: 0, jitter: 0) == nil)
    }

    @Test(arguments: [(0.0, 300.0), (0.5, 330.0), (1.0, 360.0), (7.0, 360.0), (-1.0, 300.0)])
    func `adds up to a fifth by chance`(_ jitter: Double, _ seconds: Double) {
        #expect(RetrySchedule.standard.delay(afterFailure: 2, jitter: jitter) == .seconds(seconds))
    }
}
