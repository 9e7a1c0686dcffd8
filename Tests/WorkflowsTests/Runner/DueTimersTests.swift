import Runtime
import Testing

@testable import Workflows

@Suite struct `The timers of a step` {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }
    private func timer(_ name: String) -> TimerKey { TimerKey(workflow: "w", key: "k", name: name) }

    private func order(_ timers: DueTimers, by time: Timestamp) -> [String] {
        var (timers, names) = (timers, [String]())
        while let next = timers.next(by: time) { names.append(next.timer.name) }
        return names
    }

    @Test func `elapse in order of their times, and only up to the time asked for`() {
        let timers = DueTimers([(timer("c"), at(3)), (timer("a"), at(1)), (timer("b"), at(2))], horizon: at(9))
        #expect(order(timers, by: at(9)) == ["a", "b", "c"])
        #expect(order(timers, by: at(2)) == ["a", "b"])
    }

    @Test func `can be moved and cancelled while the step lasts`() {
        var timers = DueTimers([(timer("a"), at(1)), (timer("b"), at(2)), (timer("c"), at(3))], horizon: at(9))
        timers.set(timer("a"), due: at(5))
        timers.cancel(timer("b"))
        timers.set(timer("d"), due: at(4))
        #expect(order(timers, by: at(9)) == ["c", "d", "a"])
    }

    @Test func `beyond the horizon are left to a later step`() {
        var timers = DueTimers([(timer("a"), at(1))], horizon: at(9))
        timers.set(timer("a"), due: at(10))
        timers.set(timer("b"), due: at(11))
        #expect(order(timers, by: at(20)).isEmpty)
    }
}
