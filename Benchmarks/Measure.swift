/// One measured claim, beside the ceiling that was measured in the same run.
///
/// `value`, `min` and `max` are those of Fleetlog, in `unit`; `value` and `ceiling` are medians of `runs` runs.
package struct Measure: Sendable, Codable, Equatable {
    /// For example `append.100.libpq`: what, at how many writers, beside what.
    package let measure: String
    package let value: Double
    package let unit: String
    package let ceiling: Double
    package let ratio: Double
    package let runs: Int
    package let min: Double
    package let max: Double

    init(_ measure: String, unit: String, of value: Samples, beside ceiling: Samples) {
        self.measure = measure
        self.value = value.median.rounded()
        self.unit = unit
        self.ceiling = ceiling.median.rounded()
        ratio = ceiling.median > 0 ? (value.median / ceiling.median * 1_000).rounded() / 1_000 : 0
        runs = value.count
        min = value.least.rounded()
        max = value.greatest.rounded()
    }
}

/// The results of repeated runs of the same thing.
struct Samples {
    private var values: [Double] = []

    var count: Int { values.count }
    var least: Double { values.min() ?? 0 }
    var greatest: Double { values.max() ?? 0 }

    var median: Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    mutating func add(_ value: Double) { values.append(value) }
}
