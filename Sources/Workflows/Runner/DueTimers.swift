import Runtime

/// The timers that a step may have to fire: those it found due, changed by what happens in the step itself.
struct DueTimers {
    private struct Entry: Comparable {
        var due: Timestamp
        var timer: TimerKey
        static func < (left: Self, right: Self) -> Bool { (left.due, left.timer) < (right.due, right.timer) }
    }

    /// Later timers are none of this step's business.
    let horizon: Timestamp
    /// In order; the earliest comes last, where it is cheap to take. Entries that were changed since are passed over.
    private var queue: [Entry]
    private var valid: [TimerKey: Timestamp]

    init(_ found: [(timer: TimerKey, due: Timestamp)] = [], horizon: Timestamp = Timestamp(microseconds: .min)) {
        self.horizon = horizon
        queue = found.map { Entry(due: $0.due, timer: $0.timer) }.sorted(by: >)
        valid = Dictionary(found.map { ($0.timer, $0.due) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func set(_ timer: TimerKey, due: Timestamp) {
        guard due <= horizon else {
            valid[timer] = nil
            return
        }
        valid[timer] = due
        let entry = Entry(due: due, timer: timer)
        queue.insert(entry, at: queue.firstIndex { $0 < entry } ?? queue.endIndex)
    }

    mutating func cancel(_ timer: TimerKey) { valid[timer] = nil }

    /// Takes the earliest timer that is due by `time`.
    mutating func next(by time: Timestamp) -> (timer: TimerKey, due: Timestamp)? {
        while let entry = queue.last, entry.due <= time {
            queue.removeLast()
            guard valid[entry.timer] == entry.due else { continue }
            valid[entry.timer] = nil
            return (entry.timer, entry.due)
        }
        return nil
    }
}
