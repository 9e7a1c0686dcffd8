/// Decides which waiting appends travel in the next batch. Pure: the group commit performs what it says.
///
/// First come, first served, with one exception: a batch holds at most one append a stream, since all of them are
/// judged against what was committed before; a second one waits, and so does everything behind it on its streams.
package struct CommitQueue<Ticket> {
    package struct Limits: Sendable {
        package var batchEvents: Int
        package var batchBytes: Int
        package var waitingEvents: Int
        package var waitingBytes: Int

        package init(
            batchEvents: Int = 500, batchBytes: Int = 8 << 20, waitingEvents: Int = 200_000,
            waitingBytes: Int = 256 << 20
        ) {
            self.batchEvents = batchEvents
            self.batchBytes = batchBytes
            self.waitingEvents = waitingEvents
            self.waitingBytes = waitingBytes
        }
    }

    package struct Entry {
        package let append: Append
        package let ticket: Ticket
        /// An earlier attempt lost the answer to its COMMIT: a conflict with the append's own event is a success.
        package var isUncertain = false
        let events: Int
        let bytes: Int

        init(_ append: Append, _ ticket: Ticket) {
            self.append = append
            self.ticket = ticket
            // One without events takes its place as well, so that a queue of them is bounded.
            events = max(append.eventCount, 1)
            bytes = append.changes.reduce(0) { $0 + $1.events.reduce(0) { $0 + $1.data.count + 200 } }
        }
    }

    private let limits: Limits
    private var waiting: [Entry] = []
    package private(set) var waitingEvents = 0
    private var waitingBytes = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isEmpty: Bool { waiting.isEmpty }
    package var count: Int { waiting.count }

    /// False if the queue is full; the append was not taken then.
    package mutating func put(_ append: Append, ticket: Ticket) -> Bool {
        let entry = Entry(append, ticket)
        guard
            waiting.isEmpty
                || (waitingEvents + entry.events <= limits.waitingEvents
                    && waitingBytes + entry.bytes <= limits.waitingBytes)
        else { return false }
        waiting.append(entry)
        waitingEvents += entry.events
        waitingBytes += entry.bytes
        return true
    }

    /// The next batch, at least one append if any waits.
    ///
    /// - Parameter share: events that it may hold, if that is less than the limit.
    package mutating func takeBatch(atMost share: Int = .max) -> [Entry] {
        let mostEvents = min(limits.batchEvents, share)
        var batch: [Entry] = []
        var left: [Entry] = []
        var changed: Set<StreamName> = []
        var read: Set<StreamName> = []
        var events = 0
        var bytes = 0
        var index = waiting.startIndex
        while index < waiting.endIndex {
            let entry = waiting[index]
            if !batch.isEmpty, events + entry.events > mostEvents || bytes + entry.bytes > limits.batchBytes {
                break
            }
            index += 1
            var isFree = entry.append.conditions.allSatisfy { !changed.contains($0.stream) }
            // The streams of an append that must wait are taken as well, or a later one would overtake it.
            for change in entry.append.changes {
                let isFirst = changed.insert(change.stream).inserted
                isFree = isFree && isFirst && !read.contains(change.stream)
            }
            for condition in entry.append.conditions { read.insert(condition.stream) }
            if isFree {
                batch.append(entry)
                events += entry.events
                bytes += entry.bytes
            } else {
                left.append(entry)
            }
        }
        waiting = left + waiting[index...]
        waitingEvents -= events
        waitingBytes -= bytes
        return batch
    }

    package mutating func takeAll() -> [Entry] {
        defer {
            waiting = []
            waitingEvents = 0
            waitingBytes = 0
        }
        return waiting
    }
}
