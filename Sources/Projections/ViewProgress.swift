import Runtime
import Synchronization

/// How far each view has come, and how fast, for those who wait for it; told by the runners of this server.
///
/// Also where another server moves a view: its runner here tries the same page, and is told how far the view has come.
package final class ViewProgress: Sendable {
    private struct View {
        let signal = LogSignal()
        /// Where it was at the beginning of this stretch of time, and of the one before.
        var stretches: [(start: ContinuousClock.Instant, position: Int64)] = []
    }
    private let views = Mutex<[String: View]>([:])
    /// The rate is that of the last one or two of them.
    private let stretch: Duration
    private let now: @Sendable () -> ContinuousClock.Instant

    package convenience init() { self.init(stretch: .seconds(5)) { .now } }

    package init(stretch: Duration, now: @escaping @Sendable () -> ContinuousClock.Instant) {
        self.stretch = stretch
        self.now = now
    }

    package func position(of name: String) -> Int64 { signal(of: name).position }

    package func advance(_ name: String, to position: Int64) {
        signal(of: name).advance(to: position)
        with(name) { move(&$0) }
    }

    /// Positions a second, of late.
    package func rate(of name: String) -> Double {
        with(name) { view in
            move(&view)
            guard let first = view.stretches.first else { return 0 }
            let seconds = (now() - first.start) / .seconds(1)
            return seconds > 0 ? Double(max(0, view.signal.position - first.position)) / seconds : 0
        }
    }

    /// Waits until the view has come to a position, but no longer than `limit`; false if it has not.
    package func hasReached(_ position: Int64, in name: String, within limit: Duration) async -> Bool {
        let signal = signal(of: name)
        if signal.position < position { await signal.wait(past: position - 1, atMost: limit) }
        return signal.position >= position
    }

    /// Begins the next stretch when this one is over.
    private func move(_ view: inout View) {
        let now = now()
        guard view.stretches.last.map({ now - $0.start >= stretch }) ?? true else { return }
        view.stretches.append((now, view.signal.position))
        // Of one that nobody has asked about for long, what was then says nothing.
        view.stretches.removeAll { now - $0.start > stretch * 3 }
        if view.stretches.count > 2 { view.stretches.removeFirst(view.stretches.count - 2) }
    }

    private func signal(of name: String) -> LogSignal { with(name) { $0.signal } }

    private func with<Value: Sendable>(_ name: String, _ body: (inout View) -> Value) -> Value {
        views.withLock { body(&$0[name, default: View()]) }
    }
}
