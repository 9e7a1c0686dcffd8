package import Runtime

/// What is odd about a reading that was kept all the same.
package struct ReadingFlags: Sendable, Hashable, Codable {
    package enum Metric: String, Sendable, Codable {
        /// Its type does not name it.
        case unknown
        case outOfRange
        case wrongKind
    }

    package enum Time: String, Sendable, Codable {
        /// Later than it arrived.
        case future
        /// From before anything was measured, as a clock says that was never set.
        case unset
    }

    /// More than these are not named, so that a reading of a thousand strange metrics is not stored twice.
    static let limit = 64

    package var metrics: [String: Metric]
    /// Required metrics that the reading lacks, by name.
    package var missing: [String]
    /// The version of the type's schema by which the reading was judged.
    /// Absent if nothing but the time is odd.
    package var schema: Int?
    /// What is odd about the device's time.
    package var time: Time?

    package init(
        metrics: [String: Metric] = [:], missing: [String] = [], schema: Int? = nil, time: Time? = nil
    ) {
        self.metrics = metrics
        self.missing = missing
        self.schema = schema
        self.time = time
    }

    private enum CodingKeys: CodingKey { case metrics, missing, schema, time }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metrics = try fields.decodeIfPresent([String: Metric].self, forKey: .metrics) ?? [:]
        missing = try fields.decodeIfPresent([String].self, forKey: .missing) ?? []
        schema = try fields.decodeIfPresent(Int.self, forKey: .schema)
        time = try fields.decodeIfPresent(String.self, forKey: .time).flatMap(Time.init)
    }

    /// What is empty is left out.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        if !metrics.isEmpty { try fields.encode(metrics, forKey: .metrics) }
        if !missing.isEmpty { try fields.encode(missing, forKey: .missing) }
        try fields.encodeIfPresent(schema, forKey: .schema)
        try fields.encodeIfPresent(time, forKey: .time)
    }
}

/// A flagged reading as the device's state and the view remember it.
package struct FlaggedReading: Sendable, Hashable, Codable {
    package var flags: ReadingFlags
    /// The observed time of the reading.
    package var time: Timestamp

    package init(flags: ReadingFlags, time: Timestamp) {
        self.flags = flags
        self.time = time
    }
}
