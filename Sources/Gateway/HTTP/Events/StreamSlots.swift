import HTTPTypes
import Synchronization

/// Bounds how many event streams are open at once.
final class StreamSlots: Sendable {
    private let limit: Int
    private let taken = Mutex(0)

    init(limit: Int) { self.limit = limit }

    var count: Int { taken.withLock { $0 } }

    /// - Throws: 503 if all slots are taken.
    func take() throws(Problem) -> StreamSlot {
        let isFree = taken.withLock { taken in
            guard taken < limit else { return false }
            taken += 1
            return true
        }
        guard isFree else {
            throw .unavailable("Too many event streams are open.", retryAfter: 10, cause: "\(limit) streams are open")
        }
        return StreamSlot(self)
    }

    fileprivate func giveBack() { taken.withLock { $0 -= 1 } }
}

/// One open stream. Given back when the last reference goes, so also when an answer is never written.
final class StreamSlot: Sendable {
    private let slots: StreamSlots

    fileprivate init(_ slots: StreamSlots) { self.slots = slots }

    deinit { slots.giveBack() }
}
