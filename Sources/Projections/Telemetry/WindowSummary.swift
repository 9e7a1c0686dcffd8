package import Runtime

/// What the numbers of a window come to: the same to the last bit, in whatever order they are added or merged.
///
/// Updating a mean and a deviation in floating point, as Welford and Chan et al. do, is stable, but depends on the order:
/// a late reading would leave another row than a punctual one, and a rebuild another view. Sums of whole numbers do not, so
/// sums are of millionths, in 128 bits. The deviation comes of them without cancellation, since it is taken exactly.
package struct WindowSummary: Sendable, Hashable {
    package private(set) var count: Int64
    package private(set) var minimum: Double
    package private(set) var maximum: Double
    /// The number that was observed last; the greatest of those observed at the same time.
    package private(set) var last: Double
    package private(set) var lastTime: Timestamp
    /// In millionths.
    package private(set) var sum: Int128
    /// Of millionths; at its greatest value it says that it is beyond that.
    package private(set) var squares: Int128
    /// How many were too large to be summed.
    package private(set) var unsummed: Int64

    /// Larger numbers are counted, and may be the least, the greatest and the last.
    private static let largestSummed = 1e12

    package init(_ number: Double, at time: Timestamp) {
        // Negative zero would make the least of two zeros a matter of order.
        let number = number + 0.0
        (count, minimum, maximum, last, lastTime) = (1, number, number, number, time)
        guard abs(number) <= Self.largestSummed else {
            (sum, squares, unsummed) = (0, 0, 1)
            return
        }
        let millionths = Int128(Int64((number * 1e6).rounded(.toNearestOrEven)))
        (sum, squares, unsummed) = (millionths, millionths * millionths, 0)
    }

    /// The number in millionths; nil if it is no whole number of them, or too large to be summed.
    static func millionths(of number: Double) -> Int64? {
        guard abs(number) <= largestSummed else { return nil }
        let millionths = Int64((number * 1e6).rounded(.toNearestOrEven))
        return Double(millionths) / 1e6 == number ? millionths : nil
    }

    /// As it was stored.
    package init(
        count: Int64, minimum: Double, maximum: Double, last: Double, lastTime: Timestamp, sum: Int128, squares: Int128,
        unsummed: Int64
    ) {
        self.count = count
        self.minimum = minimum
        self.maximum = maximum
        self.last = last
        self.lastTime = lastTime
        self.sum = sum
        self.squares = squares
        self.unsummed = unsummed
    }

    package mutating func merge(_ other: WindowSummary) {
        count += other.count
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        if (lastTime, last) < (other.lastTime, other.last) { (last, lastTime) = (other.last, other.lastTime) }
        sum += other.sum
        let (total, overflow) = squares.addingReportingOverflow(other.squares)
        squares = overflow ? .max : total
        unsummed += other.unsummed
    }

    /// Nil if a number was too large to be summed.
    package var mean: Double? { unsummed > 0 ? nil : Double(sum) / 1e6 / Double(count) }

    /// The standard deviation of all the readings of the window; nil if they were too large.
    package var deviation: Double? {
        guard unsummed == 0, squares < .max else { return nil }
        // n² times the variance is n times the sum of squares less the square of the sum: not negative, and exact.
        let left = Int128(count).multipliedFullWidth(by: squares)
        let right = sum.multipliedFullWidth(by: sum)
        let (low, borrow) = left.low.subtractingReportingOverflow(right.low)
        let high = left.high - right.high - (borrow ? 1 : 0)
        let square = Double(high) * 0x1p128 + Double(low)
        return square.squareRoot() / Double(count) / 1e6
    }
}
