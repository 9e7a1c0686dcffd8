import Aggregates
import Runtime

/// What 100,000 device actors that are awake keep resident, each having reported once a minute for a while, beside their
/// bare states in an array; and what the process with all of them has resident.
struct MemoryBenchmark {
    private static let devices = 100_000
    private static let runs = 3
    private static let aim = 400.0

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let log = MinutelyReports()
        var (actors, states, resident, aim) = (Samples(), Samples(), Samples(), Samples())
        for run in 1...Self.runs {
            states.add(try Self.bytesOfStates(log) / Double(Self.devices))
            let (growth, all) = try await Self.bytesOfActors(log)
            actors.add(growth / Double(Self.devices))
            resident.add(all / Double(1 << 20))
            aim.add(Self.aim)
            progress("memory: run \(run) of \(Self.runs)")
        }
        try report(Measure("memory.\(Self.devices).actor", unit: "bytes/actor", of: actors, beside: states))
        try report(Measure("memory.\(Self.devices).resident", unit: "MiB", of: resident, beside: aim))
    }

    private static func bytesOfStates(_ log: MinutelyReports) throws -> Double {
        let before = ResidentMemory.bytes
        var states: [Device.State] = []
        states.reserveCapacity(devices)
        for device in 0..<devices { states.append(try log.memory(of: device).state) }
        return withExtendedLifetime(states) { ResidentMemory.bytes - before }
    }

    /// By how much the process grew, and how much it has then.
    private static func bytesOfActors(_ log: MinutelyReports) async throws -> (growth: Double, all: Double) {
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
        let bytes = ResidentMemory.bytes
        guard await directory.count == devices else { throw BenchmarkFailed("not all actors are awake") }
        return (bytes - before, bytes)
    }
}
