import Foundation
import Synchronization

/// Progress of long work: a bar that redraws itself on a terminal, a line now and then elsewhere. Goes to stderr.
final class ProgressBar: Sendable {
    private struct State {
        var drawn = ContinuousClock.now - .seconds(60)
        var start = ContinuousClock.now
        var isDrawn = false
        /// What it was told last.
        var (done, total): (Int64, Int64) = (0, 0)
    }
    private let title: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    init(_ title: String) { self.title = title }

    func report(_ done: Int64, of total: Int64) {
        let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
        let line = state.withLock { state -> String? in
            let now = ContinuousClock.now
            (state.done, state.total) = (done, total)
            guard now - state.drawn >= interval || done >= total else { return nil }
            state.drawn = now
            state.isDrawn = true
            return text(done, total, elapsed: now - state.start)
        }
        if let line { draw(line) }
    }

    private func draw(_ line: String) {
        Console.note(isTerminal ? "\r\u{1B}[K" + line : line, terminator: isTerminal ? "" : "\n")
    }

    /// All is done, also what was not counted in one by one.
    func finish() {
        let line = state.withLock { state -> String? in
            guard state.isDrawn, state.done < state.total else { return nil }
            return text(state.total, state.total, elapsed: .now - state.start)
        }
        if let line { draw(line) }
        if isTerminal, state.withLock({ $0.isDrawn }) { Console.note("") }
    }

    private func text(_ done: Int64, _ total: Int64, elapsed: Duration) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let filled = Int(share * 30)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let left = rate > 0 ? Int(Double(total - done) / rate) : 0
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        return "\(title) [\(bar)] \(Int(share * 100)) %  \(done)/\(total)  \(Int(rate))/s  \(left) s left"
    }
}
