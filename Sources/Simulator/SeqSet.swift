/// A set of sequence numbers kept as ranges, because a device counts upwards and leaves few gaps.
struct SeqSet: Sendable, Equatable {
    private(set) var ranges: [ClosedRange<Int64>] = []
    private(set) var count = 0

    init(_ seqs: some Sequence<Int64> = []) {
        for seq in seqs { insert(seq) }
    }

    /// False if it was there.
    @discardableResult
    mutating func insert(_ seq: Int64) -> Bool {
        let next = index(after: seq)
        if next > 0, ranges[next - 1].contains(seq) { return false }
        count += 1
        let joinsLeft = next > 0 && ranges[next - 1].upperBound == seq - 1
        let joinsRight = next < ranges.count && ranges[next].lowerBound == seq + 1
        switch (joinsLeft, joinsRight) {
        case (true, true):
            ranges[next - 1] = ranges[next - 1].lowerBound...ranges[next].upperBound
            ranges.remove(at: next)
        case (true, false): ranges[next - 1] = ranges[next - 1].lowerBound...seq
        case (false, true): ranges[next] = seq...ranges[next].upperBound
        case (false, false): ranges.insert(seq...seq, at: next)
        }
        return true
    }

    func contains(_ seq: Int64) -> Bool {
        let next = index(after: seq)
        return next > 0 && ranges[next - 1].contains(seq)
    }

    /// How many of these are not in `other`.
    func count(missingIn other: SeqSet) -> Int {
        ranges.reduce(0) { sum, range in sum + range.count { !other.contains($0) } }
    }

    /// The first range that begins after `seq`.
    private func index(after seq: Int64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].lowerBound <= seq { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
