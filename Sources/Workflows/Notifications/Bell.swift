import Runtime
import Synchronization

/// Tells a service of this process that there is work; a lost ring costs time only, since the service also polls.
package final class Bell: Sendable {
    private let rings = LogSignal()
    private let count = Atomic<Int64>(0)

    package init() {}

    package func ring() {
        rings.advance(to: count.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// To be asked for before looking for work, and given to `wait` if there was none.
    package var heard: Int64 { rings.position }

    package func wait(past heard: Int64, atMost limit: Duration) async {
        await rings.wait(past: heard, atMost: limit)
    }
}
