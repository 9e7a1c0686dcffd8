import Aggregates

/// Which of a device's readings are in the log, by their numbers.
struct Receipt: Encodable, Equatable {
    /// The highest number up to which none is missing since the first.
    var seq: Int64
    /// All numbers, as first and last of each stretch.
    var ranges: [[Int64]]

    /// Nil for a device that has sent no number.
    init?(_ state: Device.State) {
        guard let seq = state.sequence.highestContiguous else { return nil }
        self.seq = seq
        ranges = state.sequence.spans.map { [$0.first, $0.last] }
    }
}
