import Foundation

/// How long chaos lasts, and what its chances depend on: a few seconds, or what `make chaos` says.
package enum ChaosPlan {
    /// How long each test goes on that lasts as long as it is let; `FLEETLOG_CHAOS_SECONDS`.
    package static let duration = Duration.seconds(number("FLEETLOG_CHAOS_SECONDS") ?? 2)
    /// Whether it goes on for longer than in everyday tests.
    package static let isLong = duration > .seconds(2)
    /// `FLEETLOG_CHAOS_SEED`; printed, so that a run can be repeated.
    package static let seed: UInt64 = {
        let seed = number("FLEETLOG_CHAOS_SEED").map { UInt64($0) } ?? UInt64.random(in: 1...999_999)
        print("FLEETLOG_CHAOS_SEED=\(seed)")
        return seed
    }()

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
package struct SeededNumbers: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// - Parameter stream: tells apart those who share a seed.
    package init(_ seed: UInt64 = ChaosPlan.seed, stream: Int = 0) {
        state = seed &+ UInt64(truncatingIfNeeded: stream) &* 0xd1b5_4a32_d192_ed03
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
