import Aggregates
import Runtime

/// One device that everybody sends readings to, each waiting for an answer before the next one.
struct HotActor: Sendable {
    let commanders: Int
    let time: Duration
    /// The device's number.
    var device = 0

    struct Result: Sendable {
        let commands: Int
        let perSecond: Double
    }

    func run(on url: String) async throws -> Result {
        try await BenchLog.with(url) { log in
            let registration = try BenchFleet().registration(of: device)
            try await log.append([registration])
            let snapshots = PostgresSnapshotStore(pool: log.pool, logger: silent)
            let directory = Directory<Device>(store: log.store, snapshots: snapshots)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await snapshots.run() }
                defer { group.cancelAll() }
                for _ in 0..<20 { try await send(to: registration.stream, in: directory) }
                return try await measure(registration.stream, in: directory)
            }
        }
    }

    private func measure(_ device: StreamName, in directory: Directory<Device>) async throws -> Result {
        let begin = ContinuousClock.now
        let end = begin + time
        let commands = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<commanders {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        try await send(to: device, in: directory)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Result(commands: commands, perSecond: Double(commands) / ((.now - begin) / .seconds(1)))
    }

    private func send(to device: StreamName, in directory: Directory<Device>) async throws {
        let receipt = try await directory.send(
            CommandEnvelope(
                id: .v7(), .recordTelemetry(Self.reading),
                context: CommandContext(time: .now(), principal: .system, scope: .all)), to: device.id)
        guard receipt.effect == .recorded else { throw BenchmarkFailed("a reading was not taken") }
    }

    /// As large as those of ``SampleEvents``.
    private static let reading = Telemetry(
        metrics: [
            "battery": .number(3.625), "humidity": .number(48.25), "rssi": .number(-71), "temperature": .number(21.5),
        ], seq: nil, clock: .device)
}
