import Aggregates
package import Runtime

/// How long the windows of the view `telemetry` are; those of a day are made of those of an hour when they are asked for.
package enum WindowLength: Int32, Sendable, CaseIterable {
    case minute = 60
    case hour = 3_600

    /// When the window begins in which a time lies.
    package func start(of time: Timestamp) -> Timestamp {
        let length = Int64(rawValue) * 1_000_000
        let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: length)
        return Timestamp(microseconds: (remainder < 0 ? quotient - 1 : quotient) * length)
    }
}

/// The numbers of one metric of a device in one window of time.
package struct TelemetryWindow: Sendable, Hashable {
    package var device: String
    /// Whose the device was when the readings were recorded: who gets it later does not see them.
    package var account: String
    package var metric: String
    package var length: WindowLength
    package var start: Timestamp
    package var summary: WindowSummary
}

/// The view `telemetry`: what each device has measured, by minute and hour of the corrected observed time.
///
/// A late reading corrects the window in which it belongs. Numbers are summed up, and `true` and `false` as 1 and 0; texts
/// are in the log only. A window goes only with its generation: that telemetry has left the log is no reason.
package enum TelemetryProjection: WideProjection {
    package static let name = "telemetry"
    package static let category = Device.category
    package static let table = "telemetry_windows"
    package static let key = """
        device || '/' || account || '/' || length || '/' || extract(epoch from start)::bigint || '/' || metric
        """

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] {
        try windows(of: event).map { id(of: $0) }
    }

    package static func evolve(
        _ rows: inout ViewRows<TelemetryWindow>, with event: RecordedEvent
    ) throws(EventCodecError) {
        for window in try windows(of: event) {
            let id = id(of: window)
            merge(window, into: &rows[id])
        }
    }

    private static func merge(_ window: TelemetryWindow, into row: inout TelemetryWindow?) {
        if row?.summary.merge(window.summary) == nil { row = window }
    }

    /// A reading as windows of its own.
    private static func windows(of event: RecordedEvent) throws(EventCodecError) -> [TelemetryWindow] {
        guard case .telemetryRecorded(let fact) = try Device.codec.decode(event) else { return [] }
        let time = fact.correctedTime(event.observedTime)
        var windows: [TelemetryWindow] = []
        windows.reserveCapacity(fact.metrics.count * WindowLength.allCases.count)
        for (metric, value) in fact.metrics {
            guard let number = value.measure else { continue }
            let summary = WindowSummary(number, at: time)
            for length in WindowLength.allCases {
                windows.append(
                    TelemetryWindow(
                        device: event.stream.id, account: event.metadata.account.rawValue, metric: metric,
                        length: length, start: length.start(of: time), summary: summary))
            }
        }
        return windows
    }

    /// Only a metric's name may hold a slash, so it is the last part.
    package static func id(of row: TelemetryWindow) -> String {
        let seconds = row.start.microseconds / 1_000_000
        return "\(row.device)/\(row.account)/\(row.length.rawValue)/\(seconds)/\(row.metric)"
    }
}

extension MetricValue {
    /// What it counts as in a window; nil for what is not measured.
    fileprivate var measure: Double? {
        switch self {
        case .number(let number): number
        case .flag(let flag): flag ? 1 : 0
        case .text, .null: nil
        }
    }
}
