package import Logging
import Metrics
import ServiceLifecycle
import Synchronization

/// Follows the log once for all who follow it in this process.
///
/// It reads every event once and has its payload decoded once. The newest pages stay in memory, and all subscribers take
/// the same ones, each at its own pace: nobody waits for anybody. Who asks for what is kept no longer, reads it from the
/// store until it has come up. What it gives may trail the store by a moment; only the store says what is the newest.
package final class LogFeed: LogSource, Service {
    /// Decodes an event's payload.
    package typealias Decoder = @Sendable (RecordedEvent) throws(EventCodecError) -> any Sendable

    private let store: any EventStore
    private let decoders: [String: Decoder]
    private let limits: FeedWindow.Limits
    private let pageSize: Int
    private let pollInterval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let window: Mutex<FeedWindow?> = Mutex(nil)
    private let metrics = FeedMetrics()
    /// Rises when the feed has more, not when the store has.
    package let signal: LogSignal

    /// - Parameters:
    ///   - decoders: by the category of the stream; other events are left to who reads them.
    package convenience init(of store: any EventStore, decoding decoders: [String: Decoder], logger: Logger) {
        self.init(of: store, decoding: decoders, limits: .init(), logger: logger)
    }

    init(
        of store: any EventStore, decoding decoders: [String: Decoder], limits: FeedWindow.Limits,
        pageSize: Int = 1_000, pollInterval: Duration = .seconds(1), clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger
    ) {
        self.store = store
        self.decoders = decoders
        self.limits = limits
        self.pageSize = pageSize
        self.pollInterval = pollInterval
        self.clock = clock
        signal = LogSignal(clock: clock)
        self.logger = logger
    }

    /// Follows the log from its head on, until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !Task.isCancelled {
            do throws(EventStoreError) {
                try await takeNext()
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning("The log cannot be followed", metadata: ["reason": "\(error.debugDescription)"])
                try? await clock.sleep(for: backoff.next())
            }
        }
    }

    private func takeNext() async throws(EventStoreError) {
        guard let position = window.withLock({ $0?.end }) else {
            let head = try await store.head().position
            window.withLock { $0 = FeedWindow(at: head, limits) }
            signal.advance(to: head)
            return
        }
        let subscription = Subscription(to: store, where: .everything, pageSize: pageSize, pollInterval: pollInterval)
        let page = try await subscription.page(after: position)
        guard page.end > position else { return }
        let decoded = LogPage(events: page.events.map { decode($0) }, end: page.end)
        let kept = window.withLock { window in
            window?.append(decoded)
            return window?.eventCount ?? 0
        }
        metrics.took(upTo: page.end, kept: kept)
        signal.advance(from: position, to: page.end, by: Set(page.events.map(\.stream.category)))
    }

    /// What cannot be decoded stays as it is: whoever wants it meets the failure himself.
    private func decode(_ event: RecordedEvent) -> RecordedEvent {
        decoders[event.stream.category].map { event.decoded(by: $0) } ?? event
    }

    // MARK: Subscribers

    package func readLog(
        after position: Int64, where filter: LogFilter, limit: Int
    ) async throws(EventStoreError) -> LogPage {
        // Taken out, so that nobody waits while a page is put together.
        let window = window.withLock { $0 }
        if let page = window?.page(after: position, where: filter, limit: limit) {
            if page.end > position { metrics.served(.memory) }
            return page
        }
        metrics.served(.store)
        return try await store.readLog(after: position, where: filter, limit: limit)
    }

    package func streamLog(
        after start: Int64, through end: Int64, category: String?, _ body: (LogPage) async throws -> Void
    ) async throws {
        metrics.served(.stream)
        try await store.streamLog(after: start, through: end, category: category, body)
    }

    package func head() async throws(EventStoreError) -> LogHead { try await store.head() }

    /// How many events are kept now.
    var keptEvents: Int { window.withLock { $0?.eventCount ?? 0 } }
    /// From where on events are kept; nil before the feed has begun.
    var keptAfter: Int64? { window.withLock { $0?.start } }
}
