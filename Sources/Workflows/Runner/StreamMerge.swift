import Runtime

/// Events of a few streams in position order, a page at a time.
struct StreamMerge {
    private struct Source {
        let stream: StreamName
        var page: ArraySlice<RecordedEvent> = []
        var end: Int64
        var isDone = false
    }

    private static let pageSize = 1_000
    private let context: RunnerContext
    private let last: Int64
    private var sources: [Source]

    /// Those after `position`, up to and with `last`.
    init(of streams: [StreamName], _ context: RunnerContext, after position: Int64, upTo last: Int64) {
        self.context = context
        self.last = last
        sources = streams.map { Source(stream: $0, end: position) }
    }

    mutating func next() async throws(RunnerEnd) -> RecordedEvent? {
        for index in sources.indices where sources[index].page.isEmpty && !sources[index].isDone {
            try await fill(index)
        }
        let waiting = sources.indices.filter { !sources[$0].page.isEmpty }
        let first = waiting.min { position($0) < position($1) }
        guard let first, position(first) <= last else { return nil }
        return sources[first].page.removeFirst()
    }

    private func position(_ index: Int) -> Int64 { sources[index].page.first?.position ?? .max }

    private mutating func fill(_ index: Int) async throws(RunnerEnd) {
        let source = sources[index]
        let page = try await context.patiently { [context] in
            try await context.store.readLog(
                after: source.end, where: LogFilter(scope: .all, stream: source.stream), limit: Self.pageSize)
        }
        sources[index].page = page.events[...]
        sources[index].end = page.end
        sources[index].isDone = page.events.count < Self.pageSize
    }
}
