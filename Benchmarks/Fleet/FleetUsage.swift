import Foundation

/// What groups of processes take of processors and memory while something goes on.
struct FleetUsage: Sendable {
    struct Figures: Sendable {
        /// By group: percent of one processor, over the whole time.
        var processors: [String: Double] = [:]
        /// By group: MiB at the worst moment; what processes share counts once.
        var memory: [String: Double] = [:]
    }

    /// Each with its processes; their children belong to them.
    private let groups: [String: [Int32]]

    init(_ groups: [String: [Int32]]) { self.groups = groups }

    func `while`<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async throws -> (value: Value, usage: Figures) {
        let (begin, before) = (ContinuousClock.now, try seconds())
        return try await withThrowingTaskGroup(of: [String: Double]?.self) { group in
            group.addTask {
                var worst: [String: Double] = [:]
                while !Task.isCancelled {
                    worst.merge(try memory(), uniquingKeysWith: max)
                    try? await Task.sleep(for: .seconds(10))
                }
                return worst
            }
            let value = try await body()
            let (elapsed, after) = ((ContinuousClock.now - begin) / .seconds(1), try seconds())
            group.cancelAll()
            let processors = after.mapValues { $0 * 100 / elapsed }
                .merging(before.mapValues { $0 * 100 / elapsed }, uniquingKeysWith: -)
            return (value, Figures(processors: processors, memory: try await group.next().flatMap { $0 } ?? [:]))
        }
    }

    private func seconds() throws -> [String: Double] {
        let table = Self.processes()
        let tick = Double(sysconf(Int32(_SC_CLK_TCK)))
        return groups.mapValues { heads in
            heads.reduce(0) { $0 + Self.family($1, in: table).reduce(0) { $0 + (table[$1]?.ticks ?? 0) } } / tick
        }
    }

    private func memory() throws -> [String: Double] {
        let table = Self.processes()
        return groups.mapValues { heads in
            heads.reduce(0) { $0 + Self.family($1, in: table).reduce(0) { $0 + Self.proportionalMemory(of: $1) } }
        }
    }

    private static func family(_ head: Int32, in table: [Int32: (parent: Int32, ticks: Double)]) -> [Int32] {
        // What this process has started is counted by itself.
        [head] + (head == getpid() ? [] : table.filter { $0.value.parent == head }.map(\.key))
    }

    /// Ticks of processes, with those of their children that have ended.
    private static func processes() -> [Int32: (parent: Int32, ticks: Double)] {
        let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        var table: [Int32: (parent: Int32, ticks: Double)] = [:]
        for pid in pids {
            // Behind the name, which may hold anything: state, parent, ... and as 12th to 15th the times.
            guard let line = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let name = line.lastIndex(of: ")")
            else { continue }
            let fields = line[name...].split(separator: " ").dropFirst().map { Double($0) ?? 0 }
            guard fields.count > 15 else { continue }
            let ended = pid == getpid() ? 0 : fields[13] + fields[14]
            table[pid] = (Int32(fields[1]), fields[11] + fields[12] + ended)
        }
        return table
    }

    private static func proportionalMemory(of pid: Int32) -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
        return (line.flatMap { Double($0.filter(\.isNumber)) } ?? 0) / 1_024
    }
}
