import Aggregates
import Runtime

/// What 100,000 device actors that are awake keep resident, each having reported once a minute for a while, beside their
/// bare states in an array.
struct MemoryBenchmark {
    private static let devices = 100_000
    private static let runs = 3

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let log = MinutelyReports()
        var (actors, states) = (Samples(), Samples())
        for run in 1...Self.runs {
            states.add(try Self.bytesOfStates(log) / Double(Self.devices))
            actors.add(try await Self.bytesOfActors(log) / Double(Self.devices))
            progress("memory: run \(run) of \(Self.runs)")
        }
        try report(Measure("memory.\(Self.devices).actor", unit: "bytes/actor", of: actors, beside: states))
    }

    private static func bytesOfStates(_ log: MinutelyReports) throws -> Double {
        let before = ResidentMemory.bytes
        var states: [Device.State] = []
        states.reserveCapacity(devices)
        for device in 0..<devices { states.append(try log.memory(of: device).state) }
        return withExtendedLifetime(states) { ResidentMemory.bytes - before }
    }

    private static func bytesOfActors(_ log: MinutelyReports) async throws -> Double {
        let before = ResidentMemory.bytes
        let directory = Directory<Device>(store: log, snapshots: InMemorySnapshotStore())
        // Awake and past a first turn, as they are in a server.
        for first in stride(from: 0, to: devices, by: 1_000) {
            let results = await directory.send(
                (first..<first + 1_000).map { (MinutelyReports.id(of: $0), [log.nextCommand(of: $0)]) })
            for result in results {
                guard try result[0].get().effect == .recorded else { throw BenchmarkFailed("a reading was not taken") }
            }
        }
        let bytes = ResidentMemory.bytes - before
        guard await directory.count == devices else { throw BenchmarkFailed("not all actors are awake") }
        return bytes
    }
}
