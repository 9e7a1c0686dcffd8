/// Names a timer, so that it can be called off.
package struct TimerID: Sendable, Hashable {
    fileprivate let number: UInt64
}

/// Deadlines in a heap. A timer called off leaves its heap entry behind, because nearly all timers are
/// called off; the entries are swept out when they outnumber the live ones.
struct Timers {
    typealias Handler = @Sendable () -> Void

    private var heap: [(deadline: ContinuousClock.Instant, id: TimerID)] = []
    private var handlers: [TimerID: Handler] = [:]
    private var count: UInt64 = 0

    /// The earliest deadline; may belong to a timer that was called off, which costs one idle wake-up.
    var next: ContinuousClock.Instant? { heap.first?.deadline }

    mutating func schedule(at deadline: ContinuousClock.Instant, _ handler: @escaping Handler) -> TimerID {
        count += 1
        let id = TimerID(number: count)
        handlers[id] = handler
        heap.append((deadline, id))
        siftUp(heap.count - 1)
        return id
    }

    mutating func cancel(_ id: TimerID) {
        handlers[id] = nil
        guard heap.count > 64, heap.count > handlers.count * 2 else { return }
        heap.removeAll { handlers[$0.id] == nil }
        heap.sort { $0.deadline < $1.deadline }
    }

    mutating func takeDue(at now: ContinuousClock.Instant) -> [Handler] {
        var due: [Handler] = []
        while let first = heap.first, first.deadline <= now {
            removeFirst()
            if let handler = handlers.removeValue(forKey: first.id) { due.append(handler) }
        }
        return due
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].deadline < heap[smallest].deadline { smallest = child }
            }
            guard smallest != parent else { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
