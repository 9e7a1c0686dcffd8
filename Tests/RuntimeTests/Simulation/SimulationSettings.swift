import Foundation
import Support

/// How many schedules are run, and which; `make chaos` asks for more, and for others.
enum SimulationSettings {
    /// Of the first schedule; `FLEETLOG_SIMULATION_SEED`.
    static let seed = given ?? (ChaosPlan.isLong ? ChaosPlan.seed * 1_000_000 : 1)
    /// `FLEETLOG_SIMULATION_SCHEDULES`; whoever names a seed alone wants that one schedule.
    static let schedules = number("FLEETLOG_SIMULATION_SCHEDULES") ?? (given == nil ? 2_000 : 1)
    /// Whether what happens is printed; `FLEETLOG_SIMULATION_TRACE=1`.
    static let isTraced = number("FLEETLOG_SIMULATION_TRACE") == 1

    private static let given = number("FLEETLOG_SIMULATION_SEED").map { UInt64($0) }

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}
