// Which of two readings is the latest: the one that was made later; of one instant the one that says more, whatever came
// first. Of numbers that is the greatest, as in the windows of the view `telemetry`.

import Runtime

extension LatestReading {
    /// Takes the other's place, unless that one is the later.
    package func replace(_ other: inout LatestReading?) {
        if let known = other, isBefore(known) { return }
        other = self
    }

    private func isBefore(_ other: LatestReading) -> Bool {
        time == other.time ? value.isBefore(other.value) : time < other.time
    }
}

extension FlaggedReading {
    /// Takes the other's place, unless that one is the later.
    package func replace(_ other: inout FlaggedReading?) {
        if let known = other, isBefore(known) { return }
        other = self
    }

    private func isBefore(_ other: FlaggedReading) -> Bool {
        time == other.time ? flags.isBefore(other.flags) : time < other.time
    }
}

extension MetricValue {
    /// Whether the other one is the latest of the two, if both are of one instant.
    func isBefore(_ other: MetricValue) -> Bool {
        if let number = measure, let another = other.measure, number != another { return number < another }
        return switch (self, other) {
        // Two zeros are written in two ways.
        case (.number(let zero), .number(let another)): zero.sign == .minus && another.sign == .plus
        case (.text(let text), .text(let another)): text.utf8.lexicographicallyPrecedes(another.utf8)
        default: kind < other.kind
        }
    }

    private var kind: Int {
        switch self {
        case .null: 0
        case .number: 1
        case .flag: 2
        case .text: 3
        }
    }
}

extension ReadingFlags {
    /// Whether the other ones are the latest of the two, if both are of one instant.
    func isBefore(_ other: ReadingFlags) -> Bool {
        self != other && parts.lexicographicallyPrecedes(other.parts)
    }

    private var parts: [String] {
        let metrics = metrics.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value.rawValue] }
        let numbers: [String] = [schema.map { "\($0)" } ?? "", "\(self.metrics.count)"]
        return [time?.rawValue ?? ""] + numbers + metrics + missing
    }
}
