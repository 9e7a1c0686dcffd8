/// The newest pages of the log, without a gap between them, as many as may be kept.
struct FeedWindow: Sendable {
    struct Limits: Sendable {
        var events = 20_000
        /// Of payloads; what surrounds them is counted as if it were as much as usual.
        var bytes = 16 << 20
    }

    private let limits: Limits
    private var pages: [(start: Int64, page: LogPage)] = []
    private var bytes = 0
    private(set) var eventCount = 0
    /// Everything after it is here, up to `end`.
    private(set) var start: Int64
    private(set) var end: Int64

    /// Empty, at a position of the log.
    init(at position: Int64, _ limits: Limits) {
        self.limits = limits
        start = position
        end = position
    }

    /// Takes the page that follows, and drops the oldest if that makes too many. The newest page stays, whatever its
    /// size.
    mutating func append(_ page: LogPage) {
        pages.append((end, page))
        end = page.end
        eventCount += page.events.count
        bytes += page.byteCount
        var dropped = 0
        while dropped < pages.count - 1, eventCount > limits.events || bytes > limits.bytes {
            let oldest = pages[dropped].page
            eventCount -= oldest.events.count
            bytes -= oldest.byteCount
            start = oldest.end
            dropped += 1
        }
        pages.removeFirst(dropped)
    }

    /// What is here after `position`; nil if that is not all there is.
    func page(after position: Int64, where filter: LogFilter, limit: Int) -> LogPage? {
        guard position >= start else { return nil }
        var events: [RecordedEvent] = []
        for (start, page) in pages[firstPage(after: position)...] {
            if start == position, filter == .everything, page.events.count == limit { return page }
            for event in page.events where event.position > position && filter.admits(event) {
                events.append(event)
                if events.count == limit { return LogPage(events: events, end: event.position) }
            }
        }
        return LogPage(events: events, end: max(position, end))
    }

    /// The first page that ends after `position`.
    private func firstPage(after position: Int64) -> Int {
        var (low, high) = (0, pages.count)
        while low < high {
            let middle = (low + high) / 2
            if pages[middle].page.end > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension LogPage {
    fileprivate var byteCount: Int { events.reduce(0) { $0 + $1.data.count + 500 } }
}
