import Runtime
import Synchronization

/// How far each view has come, for those who wait for it; told by the runners of this server.
///
/// Also where another server moves a view: its runner here tries the same page, and is told how far the view has come.
package final class ViewProgress: Sendable {
    private let signals = Mutex<[String: LogSignal]>([:])

    package init() {}

    package func position(of name: String) -> Int64 { signal(of: name).position }

    package func advance(_ name: String, to position: Int64) { signal(of: name).advance(to: position) }

    /// Waits until the view has come to a position, but no longer than `limit`; false if it has not.
    package func hasReached(_ position: Int64, in name: String, within limit: Duration) async -> Bool {
        let signal = signal(of: name)
        if signal.position < position { await signal.wait(past: position - 1, atMost: limit) }
        return signal.position >= position
    }

    private func signal(of name: String) -> LogSignal {
        signals.withLock { signals in
            if let known = signals[name] { return known }
            let signal = LogSignal()
            signals[name] = signal
            return signal
        }
    }
}
