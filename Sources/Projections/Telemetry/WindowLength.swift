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

    /// In the ids of windows.
    var part: String {
        switch self {
        case .minute: "/60/"
        case .hour: "/3600/"
        }
    }
}
