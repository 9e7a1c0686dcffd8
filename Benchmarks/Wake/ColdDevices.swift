import Aggregates
import Runtime

/// Devices that sleep, each with a snapshot and a few events behind it.
struct ColdDevices: Sendable {
    private let streams: [StreamName]
    private let log: BenchLog
    private let snapshots: PostgresSnapshotStore

    private static let readings = (beforeSnapshot: 30, after: 5)
    private static let batch = 500
    /// As many streams as the server reads together, and as many such reads at once.
    private static let (chunk, lanes) = (256, 3)

    init(count: Int, log: BenchLog) async throws {
        self.log = log
        snapshots = PostgresSnapshotStore(pool: log.pool, logger: silent)
        let fleet = BenchFleet()
        streams = try (0..<count).map { try fleet.registration(of: $0).stream }
        try await append { try fleet.registration(of: $0) }
        for number in 1...Self.readings.beforeSnapshot { try await append { fleet.reading(number, of: $0) } }
        // Actors that go to sleep leave a snapshot.
        let directory = directory()
        try await wake(streams, in: directory)
        await directory.passivateAll()
        await snapshots.writeAll()
        for number in 1...Self.readings.after {
            try await append { fleet.reading(Self.readings.beforeSnapshot + number, of: $0) }
        }
    }

    private func append(_ change: (Int) throws -> StreamChange) async throws {
        for first in stride(from: 0, to: streams.count, by: Self.batch) {
            try await log.append(try (first..<min(first + Self.batch, streams.count)).map(change))
        }
    }

    private func directory() -> Directory<Device> { Directory(store: log.store, snapshots: snapshots) }

    /// Wakes the actors by a command that changes nothing.
    private func wake(_ streams: [StreamName], in directory: Directory<Device>) async throws {
        let context = CommandContext(time: .now(), principal: .system, scope: .all)
        let results = await directory.send(
            streams.map { (id: $0.id, envelopes: [CommandEnvelope(id: .v7(), .update(Changes()), context: context)]) })
        for result in results {
            guard try result[0].get().effect == .unchanged else { throw BenchmarkFailed("a device changed") }
        }
    }

    func wakeAll() async throws -> Duration {
        let directory = directory()
        return try await ContinuousClock().measure { try await wake(streams, in: directory) }
    }

    /// The same rows, as often together and as many at once.
    func readAll() async throws -> Duration {
        try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<Self.lanes {
                    group.addTask {
                        let step = Self.chunk * Self.lanes
                        for first in stride(from: lane * Self.chunk, to: streams.count, by: step) {
                            let chunk = Array(streams[first..<min(first + Self.chunk, streams.count)])
                            let found = try await snapshots.latest(of: chunk)
                            let tails = chunk.map { StreamPlace($0, at: found[$0]?.version ?? 0, position: 0) }
                            for tail in try await log.store.readTails(tails, limit: 128) {
                                guard try tail.get().count == Self.readings.after else {
                                    throw BenchmarkFailed("a device has no snapshot")
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// The 99th percentile of waking so many, one after the other.
    func latencyOfWaking(_ count: Int) async throws -> Duration {
        let directory = directory()
        return try await percentile(count) { try await wake([$0], in: directory) }
    }

    /// The 99th percentile of the two queries for each of so many.
    func latencyOfReading(_ count: Int) async throws -> Duration {
        try await percentile(count) { stream in
            let version = try await snapshots.latest(of: stream)?.version ?? 0
            _ = try await log.store.readStream(stream, from: version + 1, limit: 1_000)
        }
    }

    private func percentile(_ count: Int, _ body: (StreamName) async throws -> Void) async throws -> Duration {
        var latencies = Latencies()
        for stream in streams.prefix(count) {
            latencies.add(try await ContinuousClock().measure { try await body(stream) })
        }
        return latencies.percentile(99)
    }
}
