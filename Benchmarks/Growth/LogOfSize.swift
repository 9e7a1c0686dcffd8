import Runtime

/// A log of a given length, and what is measured of it at any length.
struct LogOfSize: Sendable {
    private let url: String
    private let log: BenchLog
    private let filled: FilledLog
    private let cold: ColdDevices

    private static let versions = 100
    private static let (coldDevices, coldAlone) = (2_000, 500)
    private static let streamsRead = 500
    private static let eventsRead: Int64 = 500_000
    // The log may not become much longer by being measured.
    private static let time = Duration.seconds(1)

    static func with<Value: Sendable>(
        millions: Int, on servers: ThrowawayServers, _ body: @Sendable (LogOfSize) async throws -> Value
    ) async throws -> Value {
        let events = millions * 1_000_000
        // The numbers below are those of the devices that are woken.
        let filled = FilledLog(events: Int64(events), devices: events / versions, firstDevice: 1_000_000)
        return try await servers.withDatabase(filledBy: filled.fill) { url in
            try await BenchLog.with(url) { log in
                let cold = try await ColdDevices(count: coldDevices, log: log)
                return try await body(LogOfSize(url: url, log: log, filled: filled, cold: cold))
            }
        }
    }

    /// - Parameter run: gives the writers streams of their own.
    func measure(run: Int) async throws -> [GrowthFigure: Double] {
        var figures = try await reading()
        // Behind the streams that the log is filled with, and those of other runs.
        figures.merge(try await writing(after: (run + 1) * 2_000_000)) { $1 }
        return figures
    }

    private func reading() async throws -> [GrowthFigure: Double] {
        let clock = ContinuousClock()
        let wake = try await cold.wakeAll()
        let alone = try await cold.latencyOfWaking(Self.coldAlone)
        let stream = try await clock.measure { try await readStreams() }
        let log = try await clock.measure { try await readEnd { try await $0.undecoded(after: $1, through: $2) } }
        let decoded = try await clock.measure { try await readEnd { try await $0.decoded(after: $1, through: $2) } }
        return [
            .wake: Double(Self.coldDevices) / (wake / .seconds(1)), .wakeAlone: alone / .microseconds(1),
            .stream: Double(Self.streamsRead) / (stream / .seconds(1)),
            .log: Double(Self.eventsRead) / (log / .seconds(1)),
            .decoded: Double(Self.eventsRead) / (decoded / .seconds(1)),
        ]
    }

    /// Each figure writes to streams of its own, all of them new.
    private func writing(after first: Int) async throws -> [GrowthFigure: Double] {
        func free(_ place: Int) -> Int { first + place * 10_000 }
        var figures: [GrowthFigure: Double] = [:]
        for (place, writers) in [(GrowthFigure.append, 1_000), (.appendOf32, 32)].enumerated() {
            figures[writers.0] = try await StoreWriters(
                writers: writers.1, time: Self.time, firstWriter: free(place)
            ).run(on: url).perSecond
        }
        let pace = Pace(perSecond: 1_000, seconds: 3, firstStream: free(2))
        let latencies = try await PacedAppends(pace: pace).run(on: url)
        figures[.latencyMedian] = latencies.percentile(50) / .microseconds(1)
        figures[.latencyTail] = latencies.percentile(99) / .microseconds(1)
        figures[.actor] = try await HotActor(commanders: 1_000, time: Self.time, device: free(3)).run(on: url).perSecond
        for (place, figure) in GrowthFigure.allCases.enumerated() {
            guard let (shape, withReader) = figure.shape else { continue }
            let streams = ShapedStreams(first: first + (place + 1) * 2 * ShapedStreams.count, versions: 0)
            figures[figure] = try await ShapedWriters(shape: shape, time: Self.time / 2, streams: streams)
                .run(on: url, withReader: withReader).perSecond
        }
        return figures
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
    private func readEnd(_ read: (ReadLog, Int64, Int64) async throws -> Int) async throws {
        let count = try await read(ReadLog(store: log.store), filled.events - Self.eventsRead, filled.events)
        guard count == Self.eventsRead else { throw BenchmarkFailed("the log is not whole") }
    }
}
