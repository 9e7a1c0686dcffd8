package import Aggregates
package import Runtime

/// One reading of a telemetry message.
package struct Reading: Sendable, Equatable {
    /// When the device says it measured; nil if it did not say.
    package var time: Timestamp?
    package var seq: Int64?
    package var metrics: [String: MetricValue]
    /// Whether the device wants to be told what is stored.
    package var wantsReceipt = false

    package init(time: Timestamp? = nil, seq: Int64? = nil, metrics: [String: MetricValue]) {
        self.time = time
        self.seq = seq
        self.metrics = metrics
    }
}

/// Why a telemetry message cannot be understood: what is wrong, and what its sender should do.
package struct MalformedPayload: Error, Sendable, Equatable {
    package var reason: String
    package var advice: String

    package init(_ reason: String, advice: String) {
        self.reason = reason
        self.advice = advice
    }
}

/// What a telemetry message may hold. The names' and the metrics' limits keep every event below the log's own limit.
package enum TelemetryLimits {
    package static let bytes = 256 << 10
    package static let readings = 1_000
    package static let metrics = 1_000
    /// Bytes of a metric's name, dots included.
    package static let name = 128
    /// Parts of a metric's name.
    package static let depth = 4
}
