import Runtime

/// A log of a given length, and what is measured of it at any length.
struct LogOfSize: Sendable {
    private let url: String
    private let log: BenchLog
    private let filled: FilledLog
    private let cold: ColdDevices

    private static let versions = 100
    private static let coldDevices = 2_000
    private static let streamsRead = 500
    private static let eventsRead: Int64 = 500_000
    private static let writers = 1_000

    struct Rates: Sendable {
        /// Events per second.
        let append, log: Double
        /// Streams of 100 events per second, one after the other.
        let stream: Double
        /// Actors per second.
        let wake: Double
    }

    static func with<Value: Sendable>(
        millions: Int, on servers: ThrowawayServers, _ body: @Sendable (LogOfSize) async throws -> Value
    ) async throws -> Value {
        let events = millions * 1_000_000
        // The numbers below are those of the devices that are woken, and of the writers.
        let filled = FilledLog(events: Int64(events), devices: events / versions, firstDevice: 1_000_000)
        return try await servers.withDatabase(filledBy: filled.fill) { url in
            try await BenchLog.with(url) { log in
                let cold = try await ColdDevices(count: coldDevices, log: log)
                return try await body(LogOfSize(url: url, log: log, filled: filled, cold: cold))
            }
        }
    }

    /// - Parameter run: gives the writers streams of their own.
    func measure(run: Int) async throws -> Rates {
        let wake = try await ContinuousClock().measure { _ = try await cold.wakeAll() }
        let stream = try await ContinuousClock().measure { try await readStreams() }
        let read = try await ContinuousClock().measure { try await readEnd() }
        let writers = StoreWriters(
            writers: Self.writers, time: .seconds(2), firstWriter: 100_000 + run * 2 * Self.writers)
        return Rates(
            append: try await writers.run(on: url).perSecond,
            log: Double(Self.eventsRead) / (read / .seconds(1)),
            stream: Double(Self.streamsRead) / (stream / .seconds(1)),
            wake: Double(Self.coldDevices) / (wake / .seconds(1)))
    }

    /// Streams that lie all over the log, as whole as they are.
    private func readStreams() async throws {
        let step = filled.devices / Self.streamsRead
        for device in stride(from: 0, to: step * Self.streamsRead, by: step) {
            let events = try await log.store.readStream(filled.stream(of: device), from: 1, limit: 1_000)
            guard events.count == Self.versions else { throw BenchmarkFailed("a stream is not whole") }
        }
    }

    /// The last of the events that the log was filled with, in order of position.
    private func readEnd() async throws {
        let start = filled.events - Self.eventsRead
        let count = try await ReadLog(store: log.store).undecoded(after: start, through: filled.events)
        guard count == Self.eventsRead else { throw BenchmarkFailed("the log is not whole") }
    }
}
