import Foundation

/// Writers that append one event each, beside other event stores under the same load, all of them durable.
struct PeersBenchmark {
    private static let runs = 3
    /// Of Python's processes, as many as are best on the day; threads of one hold each other up.
    private static let processes = [1, 2]
    private static let streams = 1_000
    var time = Duration.seconds(3)

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let peers: PeerPrograms
        do {
            peers = try PeerPrograms.installed()
        } catch let missing as PeersMissing {
            progress("peers: not measured, since they cannot be installed here: \(missing.reason)")
            return
        }
        try await ThrowawayServers.with { servers in
            for writers in [32, 1_000] {
                let name = "peers.\(writers).umadb"
                try await compare(name, writers, on: servers, progress, report) { processes in
                    let folder = "\(servers.folder)/umadb-\(UInt32.random(in: .min ... .max))"
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
                    return try await peers.rate(
                        PackageResources.umadb_writers_py, in: folder,
                        [folder, "\(processes)", "\(writers)", "\(seconds)"])
                }
            }
            for (name, perCall) in [("single", 1), ("batch", Self.streams)] {
                let name = "peers.\(Self.streams).eventsourcing.\(name)"
                try await compare(name, Self.streams, on: servers, progress, report) { processes in
                    try await servers.withEmptyDatabase { url in
                        try await peers.rate(
                            PackageResources.eventsourcing_writers_py, in: servers.folder,
                            [url, "\(processes)", "\(Self.streams)", "\(perCall)", "\(seconds)"])
                    }
                }
            }
        }
    }

    private var seconds: Double { time / .seconds(1) }

    private func compare(
        _ name: String, _ writers: Int, on servers: ThrowawayServers, _ progress: (String) -> Void,
        _ report: (Measure) throws -> Void, _ peer: (Int) async throws -> Double
    ) async throws {
        var (store, other) = (Samples(), Samples())
        for run in 1...Self.runs {
            let result = try await servers.withDatabase { url in
                try await StoreWriters(writers: writers, time: time).run(on: url)
            }
            store.add(result.perSecond)
            var best = 0.0
            for processes in Self.processes { best = max(best, try await peer(processes)) }
            other.add(best)
            progress("\(name): run \(run) of \(Self.runs)")
        }
        try report(Measure(name, unit: "events/s", of: store, beside: other))
    }
}
