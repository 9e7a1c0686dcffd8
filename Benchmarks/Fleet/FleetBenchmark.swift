import Foundation
import Installation
import Runtime

/// A whole fleet that reports once a minute, against the server as it is run: how soon the view shows a reading, what
/// it takes of processors and memory, and how a minute of ten times as much is got over.
///
/// As many devices as the broker may have open files are connected, each with its own key; the others come over one
/// connection of the gateway's. Server, Postgres, broker and devices share the machine.
struct FleetBenchmark {
    let devices: Int
    let minutes: Int

    /// Processes that connect devices: libmosquitto has three files open for each.
    private static let simulations = 4
    /// Of the broker's open files, what is not there for devices.
    private static let reserve = 100
    private static let burst = Duration.seconds(60)
    private static let timesInBurst = 10.0

    func run(
        progress: @escaping @Sendable (String) -> Void, report: @escaping @Sendable (Measure) throws -> Void
    ) async throws {
        try await ThrowawayServers.with { servers in
            try await servers.withDatabase { url in
                try await servers.withBroker { broker in
                    let program = try await OwnProgram(servers, url: url, broker: broker)
                    try await run(program, servers.postgres, progress: progress, report: report)
                }
            }
        }
    }

    private func run(
        _ program: OwnProgram, _ postgres: PrivatePostgres, progress: @escaping @Sendable (String) -> Void,
        report: @Sendable (Measure) throws -> Void
    ) async throws {
        let server = try await program.serve()
        defer { server.terminate() }
        let connected = min(devices / 2, OpenFiles.limit - Self.reserve) / Self.simulations * Self.simulations
        progress("fleet: registering \(devices - connected) devices")
        let others = try await program.importDevices(devices - connected)
        progress("fleet: registering and connecting \(connected) devices")
        let simulations = try (0..<Self.simulations).map { number in
            try program.simulate(connected / Self.simulations, number: number, seconds: (minutes + 3) * 60)
        }
        defer { for simulation in simulations { simulation.terminate() } }
        try await until("the devices are connected", within: .seconds(600)) {
            for (number, simulation) in simulations.enumerated() where !simulation.isRunning {
                throw BenchmarkFailed(
                    "a simulation has ended: \(program.said(by: OwnProgram.name(ofSimulation: number)))")
            }
            return try OpenFiles.count(of: program.brokerPID) >= connected
        }
        let watch = try ViewWatch(program.url)
        let usage = FleetUsage([
            "server": [server.processIdentifier], "broker": [try program.brokerPID],
            "postgres": [await postgres.process.running?.pid ?? 0],
            "devices": simulations.map(\.processIdentifier) + [getpid()],
        ])
        let publisher = FleetPublisher(broker: program.broker, devices: others)
        let drained = try await watch.run {
            let begin = Timestamp.now()
            progress("fleet: \(minutes) minutes with a reading a minute of each of \(devices) devices")
            let calm = try await usage.while {
                try await publisher.publish(
                    Double(others.count) / 60, for: .seconds(minutes * 60), from: 0)
            }
            let end = Timestamp.now()
            let latencies = try await watch.latencies(from: begin, to: end)
            let slowest = latencies.map { String(Int($0.percentile(99) / .milliseconds(1))) }
            progress("fleet: 99th percentile of each minute, in ms: \(slowest.joined(separator: " "))")
            try write(calm.usage, latencies.reduce(into: Latencies()) { $0.add($1) }, report)
            progress("fleet: ten times as much for a minute")
            let rate = Double(devices) / 60 * Self.timesInBurst
            let sent = try await publisher.publish(rate, for: Self.burst, from: calm.value)
            let stopped = ContinuousClock.now
            try await until("the view has caught up", within: .seconds(600)) {
                try await watch.readings(of: others) >= sent
            }
            let drained = (ContinuousClock.now - stopped) / .seconds(1)
            guard try await watch.readings(of: others) == sent else {
                throw BenchmarkFailed("the view has more readings than the \(sent) that were sent")
            }
            return drained
        }
        try report(Measure("fleet.\(devices).burst.drained", unit: "s", of: .one(drained), beside: .one(60)))
        progress("fleet: the simulations read back what was acknowledged")
        for (number, simulation) in simulations.enumerated() {
            let pid = simulation.processIdentifier
            try await until("simulation \(pid) has ended", within: .seconds(600)) { !simulation.isRunning }
            let said = program.said(by: OwnProgram.name(ofSimulation: number))
            guard simulation.terminationStatus == 0 else { throw BenchmarkFailed(said) }
            progress(said)
        }
    }

    private func write(
        _ usage: FleetUsage.Figures, _ latencies: Latencies, _ report: @Sendable (Measure) throws -> Void
    ) throws {
        for (name, percentile) in [("p50", 50), ("p99", 99), ("p999", 99.9)] {
            let latency = latencies.percentile(percentile) / .milliseconds(1)
            try report(Measure("fleet.\(devices).visible.\(name)", unit: "ms", of: .one(latency), beside: .one(250)))
        }
        for part in usage.processors.keys.sorted() {
            try report(
                Measure(
                    "fleet.\(devices).processors.\(part)", unit: "% of one", of: .one(usage.processors[part] ?? 0),
                    beside: .one(Double(ProcessInfo.processInfo.processorCount) * 100)))
            try report(
                Measure(
                    "fleet.\(devices).memory.\(part)", unit: "MiB", of: .one(usage.memory[part] ?? 0),
                    beside: .one(Double(ProcessInfo.processInfo.physicalMemory) / 1_048_576)))
        }
    }
}
