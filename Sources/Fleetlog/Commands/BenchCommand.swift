import ArgumentParser
import Benchmarks
import Foundation
import Synchronization

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure Fleetlog beside its ceilings, with throw-away servers of its own.")

    @Argument(
        help: "\(Benchmark.allCases.map(\.rawValue).joined(separator: ", ")), or all (but growth, fleet and migrate).")
    var name = "all"

    @Flag(help: "Print one JSON object a line and measure.")
    var json = false

    @Option(help: "Write the results as a page to this file, for example Benchmarks/RESULTS.md.", completion: .file())
    var write: String?

    @Option(
        help: """
            For growth, rebuild, telemetry, queries and migrate: a size of the log, in millions of events that take about 1 GB of
            disk each.
            """)
    var size: [Int] = []

    @Option(help: "For fleet and migrate: how many devices.")
    var devices = 100_000

    @Option(help: "For fleet: for how many minutes they report before the burst.")
    var minutes = 15

    func run() async throws {
        let chosen = name == "all" ? Benchmark.short : Benchmark(rawValue: name).map { [$0] } ?? []
        guard !chosen.isEmpty else { throw ValidationError("there is no benchmark '\(name)'") }
        let measures = Mutex<[Measure]>([])
        for benchmark in chosen {
            try await benchmark.run(sizes: size, devices: devices, minutes: minutes) { line in
                Console.note(line)
            } report: { measure in
                measures.withLock { $0.append(measure) }
                try Console.answer(json ? Self.line(measure) : Self.sentence(measure))
            }
        }
        if let write {
            let page = Results(measures.withLock { $0 }, on: try Machine.current()).markdown
            try page.write(toFile: write, atomically: true, encoding: .utf8)
        }
    }

    private static func line(_ measure: Measure) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(measure), as: UTF8.self)
    }

    private static func sentence(_ measure: Measure) -> String {
        "\(measure.measure): \(Int(measure.value)) \(measure.unit), \(measure.ratio) of the ceiling's "
            + "\(Int(measure.ceiling)) (median of \(measure.runs), \(Int(measure.min)) to \(Int(measure.max)))"
    }
}
