import Benchmarks

/// What `scripts/instructions` counts: `PureWorkload append 12`.
///
/// A program of its own that waits for nothing, since valgrind does not bear how Dispatch parks the main thread.
@main
enum PureWorkload {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let workload = Workload(rawValue: arguments[1]), let passes = Int(arguments[2])
        else {
            throw Usage(names: Workload.allCases.map(\.rawValue))
        }
        try workload.run(passes: passes)
    }

    struct Usage: Error {
        let names: [String]
    }
}
