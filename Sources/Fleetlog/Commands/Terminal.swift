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
        var pace: Pace?
    }

    /// What is done in a second, and how long the rest takes if that is known, of work that was not begun by this command.
    struct Pace: Sendable {
        var rate: Double
        var secondsLeft: Double?
    }
    private let title: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    init(_ title: String) { self.title = title }

    /// - Parameter pace: nil for work that has begun with the bar, at nothing.
    func report(_ done: Int64, of total: Int64, at pace: Pace? = nil) {
        let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
        let line = state.withLock { state -> String? in
            let now = ContinuousClock.now
            (state.done, state.total, state.pace) = (done, total, pace)
            guard now - state.drawn >= interval || done >= total else { return nil }
            state.drawn = now
            state.isDrawn = true
            return Self.text(title, done, total, pace ?? Pace(of: done, total, in: now - state.start))
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
            var pace = state.pace ?? Pace(of: state.total, state.total, in: .now - state.start)
            pace.secondsLeft = 0
            return Self.text(title, state.total, state.total, pace)
        }
        if let line { draw(line) }
        if isTerminal, state.withLock({ $0.isDrawn }) { Console.note("") }
    }

    static func text(_ title: String, _ done: Int64, _ total: Int64, _ pace: Pace) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let filled = Int(share * 30)
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        let left = pace.secondsLeft.map { "  \(Int($0)) s left" } ?? ""
        return "\(title) [\(bar)] \(Int(share * 100)) %  \(done)/\(total)  \(Int(pace.rate))/s\(left)"
    }
}

extension ProgressBar.Pace {
    /// Of what was done since nothing was.
    init(of done: Int64, _ total: Int64, in time: Duration) {
        let seconds = time / .seconds(1)
        rate = seconds > 0 ? Double(done) / seconds : 0
        secondsLeft = rate > 0 ? Double(total - done) / rate : nil
    }
}
