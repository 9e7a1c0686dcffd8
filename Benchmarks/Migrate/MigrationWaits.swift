import Runtime
import Synchronization

/// The longest that each kind of user of a database waited while something was done to it.
struct MigrationWaits: CustomStringConvertible {
    private(set) var taken = Duration.zero
    /// An event, and with every other one what a registration writes: the lock that its append takes is everybody's.
    private(set) var append = Duration.zero
    private(set) var view = Duration.zero
    private(set) var key = Duration.zero

    var description: String {
        func text(_ time: Duration) -> String { "\(Int(time / .milliseconds(1))) ms" }
        return "\(text(taken)); append \(text(append)), view \(text(view)), key \(text(key))"
    }

    private enum Who: Sendable { case migration, append, view, key }

    /// - Parameter writer: the number of whoever appends, which nobody else has.
    static func during(
        _ log: BenchLog, writer: Int, _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> MigrationWaits {
        let end = End()
        return try await withThrowingTaskGroup(of: (Who, Duration).self) { group in
            group.addTask {
                (.append, try await longest(until: end) { try await append(Int64($0), by: writer, to: log) })
            }
            for (who, statement) in [(Who.view, lookAtView), (.key, lookAtKey)] {
                group.addTask {
                    let longest = try await longest(until: end) { _ in
                        _ = try await log.pool.withConnection {
                            try await $0.query(statement(.text("bench7")), timeout: .seconds(300))
                        }
                    }
                    return (who, longest)
                }
            }
            group.addTask {
                // All of them are under way before, and go on a little after.
                try await Task.sleep(for: .milliseconds(50))
                let taken = try await ContinuousClock().measure { try await body() }
                try await Task.sleep(for: .milliseconds(50))
                end.reach()
                return (.migration, taken)
            }
            return try await group.reduce(into: MigrationWaits()) { waits, found in
                switch found.0 {
                case .migration: waits.taken = found.1
                case .append: waits.append = found.1
                case .view: waits.view = found.1
                case .key: waits.key = found.1
                }
            }
        }
    }

    /// One after the other, a millisecond apart.
    private static func longest(
        until end: End, _ ask: (Int) async throws -> Void
    ) async throws -> Duration {
        var (longest, number) = (Duration.zero, 0)
        while !end.isReached {
            longest = max(longest, try await ContinuousClock().measure { try await ask(number) })
            number += 1
            try await Task.sleep(for: .milliseconds(1))
        }
        return longest
    }

    private static func append(_ number: Int64, by writer: Int, to log: BenchLog) async throws {
        let rows = number.isMultiple(of: 2) ? [] : [SideRow(register, [.text("bench7")])]
        var append = SampleEvents().append(of: writer, version: number + 1)
        append.sideRows = rows
        guard case .accepted = try await log.store.append(append) else {
            throw BenchmarkFailed("the store answered a conflict")
        }
    }

    private static let register = Statement(
        "bench register",
        "update device_access set next_key = next_key + 1 where device = $2 and fleetlog_accepted($1)")
    private static let lookAtView = Statement.unprepared(
        "bench view", "select name from devices where generation = 1 and id = $1")
    private static let lookAtKey = Statement.unprepared(
        "bench key", "select state from device_access where device = $1")
}

/// That what was waited for is over.
private final class End: Sendable {
    private let reached = Atomic(false)

    var isReached: Bool { reached.load(ordering: .relaxed) }

    func reach() { reached.store(true, ordering: .relaxed) }
}
