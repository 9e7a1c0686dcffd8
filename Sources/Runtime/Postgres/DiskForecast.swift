/// When a disk will be full, from how the database has grown of late. Pure.
package struct DiskForecast: Sendable {
    /// Longer ago says little about tomorrow.
    private static let memory = Duration.seconds(86_400)
    /// Growth over less would be guessing.
    private static let shortest = Duration.seconds(600)
    /// A forecast of more says no more than: not soon.
    package static let horizon = 3_650.0

    private var samples: [(time: Timestamp, bytes: Int64)] = []

    package init() {}

    /// Takes note of the size of the database at a time, which does not go back.
    package mutating func note(_ bytes: Int64, at time: Timestamp) {
        samples.append((time, bytes))
        samples.removeAll { $0.time < time - Self.memory }
    }

    /// Nil until there is enough to go by; negative while it shrinks.
    package var bytesPerDay: Double? {
        guard let first = samples.first, let last = samples.last, last.time >= first.time + Self.shortest else {
            return nil
        }
        let days = Double(last.time.microseconds - first.time.microseconds) / 86_400_000_000
        return Double(last.bytes - first.bytes) / days
    }

    /// Days until less than `reserve` bytes are free; 0 if it has come to that.
    package func days(free: Int64, reserve: Int64) -> Double? {
        if free <= reserve { return 0 }
        guard let rate = bytesPerDay else { return nil }
        return rate <= 0 ? Self.horizon : min(Self.horizon, Double(free - reserve) / rate)
    }
}
