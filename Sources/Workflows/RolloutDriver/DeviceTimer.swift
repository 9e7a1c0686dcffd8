import Runtime

/// A timer about one attempt of one device: `stuck:<device>:<attempt>` or `retry:<device>:<attempt>`.
enum DeviceTimer: Equatable {
    /// The attempt has gone on for too long.
    case stuck(String, attempt: Int)
    /// The attempt may begin.
    case retry(String, attempt: Int)

    /// Nil for a name that no timer of this kind has. No id of a device holds a colon.
    init?(name: String) {
        let parts = name.split(separator: ":")
        guard parts.count == 3, let attempt = Int(parts[2]) else { return nil }
        switch parts[0] {
        case "stuck": self = .stuck(String(parts[1]), attempt: attempt)
        case "retry": self = .retry(String(parts[1]), attempt: attempt)
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .stuck(let device, let attempt): "stuck:\(device):\(attempt)"
        case .retry(let device, let attempt): "retry:\(device):\(attempt)"
        }
    }

    func set(at time: Timestamp) -> TimerChange { .set(name, due: time) }
    var cancelled: TimerChange { .cancel(name) }
}

/// How long a device rests before its next attempt: twice as long each time, and up to half of that at random, so that
/// those who failed together do not come back together.
enum RetryDelay {
    static let first = Duration.seconds(10)
    static let longest = Duration.seconds(3_600)
    /// How often a timer looks again while the rollout rests.
    static let whilePaused = Duration.seconds(60)

    /// The same for the same attempt, whoever computes it and whenever.
    static func before(attempt: Int, of device: String, in rollout: String) -> Duration {
        // Past this exponent it is the longest anyway.
        let ceiling = min(longest, first * (1 << min(max(0, attempt - 2), 10)))
        return ceiling * (0.5 + 0.5 * fraction("\(rollout)/\(device)/\(attempt)"))
    }

    /// FNV-1a, finished so that its high bits depend on all of the text; from 0 up to 1.
    private static func fraction(_ text: String) -> Double {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        return Double(hash >> 11) / Double(UInt64(1) << 53)
    }
}
