import Aggregates

/// What is known of a device's clock, as JSON.
struct ClockAnswer: Encodable {
    enum State: String, Encodable {
        /// The device has sent no time, or not enough of them.
        case unknown
        case right
        /// Wrong by more than the limit; its readings are corrected by the offset.
        case drifted
    }

    var state: State
    /// How far it runs ahead, below zero if it lags; absent while it is unknown.
    var offsetSeconds: Double?
    /// The offset is right within so many seconds, as of the last reading that showed it.
    var confidenceSeconds: Double?

    init(_ clock: DeviceClock) {
        state = clock.drift != nil ? .drifted : clock.isSettled ? .right : .unknown
        guard clock.isSettled else { return }
        offsetSeconds = Double(clock.offset) / 1e6
        confidenceSeconds = Double(clock.confidence) / 1e6
    }
}

extension QueryParameters {
    /// Whether the list of devices is to hold those with a wrong clock only.
    func clockHasDrifted() throws(Problem) -> Bool {
        guard let text = self["clock"] else { return false }
        guard text == ClockAnswer.State.drifted.rawValue else { throw .malformed("clock", "clock must be drifted.") }
        return true
    }
}
