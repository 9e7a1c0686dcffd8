import Aggregates
package import Runtime

/// Raises an alert while a device is too hot: when the average of its last temperatures has been above a limit for a
/// while, until it is well below.
///
/// All times are observed times, so that late readings find their place. How long it has been too hot is counted
/// between readings: without a reading nothing is known, and no timer is needed.
package enum Overheating: Workflow {
    package static let name = "overheating"
    package static let stateVersion: Int32 = 1

    // MARK: Decisions

    package enum Decision: Sendable, Equatable {
        case overheated(DeviceOverheated)
        case cooledDown(DeviceCooledDown)
        case released(OverheatingReleased)
    }

    package struct DeviceOverheated: Sendable, Codable, Equatable {
        package var alert: DeviceAlert
        package var average: Double
        package var limit: Double
        package var sinceTime: Timestamp

        package init(alert: DeviceAlert, average: Double, limit: Double, sinceTime: Timestamp) {
            self.alert = alert
            self.average = average
            self.limit = limit
            self.sinceTime = sinceTime
        }
    }

    package struct DeviceCooledDown: Sendable, Codable, Equatable {
        package var average: Double

        package init(average: Double) { self.average = average }
    }

    /// The device has left the account, or the fleet.
    package struct OverheatingReleased: Sendable, Codable, Equatable {
        package var reason: String

        package init(reason: String) { self.reason = reason }
    }

    package static let codec = EventCodec<Decision>([
        .init("DeviceOverheated", wrap: Decision.overheated) {
            if case .overheated(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceCooledDown", wrap: Decision.cooledDown) {
            if case .cooledDown(let fact) = $0 { fact } else { nil }
        },
        .init("OverheatingReleased", wrap: Decision.released) {
            if case .released(let fact) = $0 { fact } else { nil }
        },
    ])

    // MARK: State

    package struct State: Sendable, Codable, Equatable {
        /// The last readings by observed time, oldest first.
        package var window: [Reading] = []
        package var average = 0.0
        /// Since when the average has been above the limit; nil while it is not.
        package var hotSince: Timestamp?
        package var alert: DeviceAlert?
        package var alertCount = 0

        package init() {}
    }

    /// Known by its position, so that the same event counts once.
    package struct Reading: Sendable, Equatable {
        package var time: Timestamp
        package var position: Int64
        package var temperature: Double
    }

    package static var initial: State { State() }

    // MARK: What it listens to

    package static let eventTypes: Set<String> = [
        "TelemetryRecorded", "DeviceAssigned", "DeviceQuarantined", "DeviceRetired",
    ]

    package static func key(for stream: StreamName) -> String? {
        stream.category == Device.category ? stream.id : nil
    }

    package static func observe(_ event: WorkflowEvent, in state: inout State) {
        switch event.content {
        case .device(.telemetryRecorded(let fact)):
            guard case .number(let temperature) = fact.metrics["temperature"], isPlausible(temperature) else { return }
            let settings = event.settings.overheating
            // Nothing is observed after it is recorded: a clock that runs ahead must not bring the window to a halt.
            let time = min(fact.correctedTime(event.observedTime), event.recordedTime)
            state.insert(
                Reading(time: time, position: event.position, temperature: temperature), keeping: max(1, settings.n))
            if state.average <= settings.limit {
                state.hotSince = nil
            } else if state.hotSince == nil {
                state.hotSince = state.window.last?.time
            }
        case .device(.assigned), .device(.quarantined), .device(.retired):
            state.window = []
            state.hotSince = nil
        default: break
        }
    }

    // MARK: What follows

    package static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        guard case .event(let event) = input, case .device(let fact) = event.content else { return .none }
        switch (fact, state.alert) {
        case (.telemetryRecorded, nil): return raise(event, state)
        case (.telemetryRecorded, let alert?): return clear(alert, event.settings.overheating, state)
        case (.assigned, let alert?): return release(alert, "The device was moved to another account.")
        case (.quarantined, let alert?): return release(alert, "The device was quarantined.")
        case (.retired, let alert?): return release(alert, "The device was retired.")
        default: return .none
        }
    }

    private static func raise(_ event: WorkflowEvent, _ state: State) -> Reaction<Decision> {
        let settings = event.settings.overheating
        guard let since = state.hotSince, let newest = state.window.last?.time,
            newest - since >= .seconds(settings.seconds)
        else { return .none }
        let alert = DeviceAlert(
            kind: name, device: event.stream.id, number: state.alertCount + 1, account: event.account)
        let seconds = (newest - since).components.seconds
        return alert.raising(
            .critical, title: "\(alert.device) is overheating",
            text: """
                The average of the last \(state.window.count) temperatures is \(rounded(state.average)) °C, and has \
                been above \(settings.limit) °C for \(seconds) s.
                """,
            data: ["average": rounded(state.average), "limit": "\(settings.limit)"],
            by: .overheated(
                DeviceOverheated(alert: alert, average: state.average, limit: settings.limit, sinceTime: since)))
    }

    private static func clear(
        _ alert: DeviceAlert, _ settings: AccountSettings.Overheating, _ state: State
    ) -> Reaction<Decision> {
        guard !state.window.isEmpty, state.average <= min(settings.clear, settings.limit) else { return .none }
        return alert.clearing(
            title: "\(alert.device) has cooled down",
            reason: "The average of the last \(state.window.count) temperatures is \(rounded(state.average)) °C.",
            data: ["average": rounded(state.average)],
            by: .cooledDown(DeviceCooledDown(average: state.average)))
    }

    private static func release(_ alert: DeviceAlert, _ reason: String) -> Reaction<Decision> {
        alert.clearing(
            title: "\(alert.device) is no longer watched for overheating", reason: reason,
            by: .released(OverheatingReleased(reason: reason)))
    }

    package static func evolve(_ state: inout State, with decision: Decision) {
        switch decision {
        case .overheated(let fact):
            state.alert = fact.alert
            state.alertCount += 1
        case .cooledDown, .released:
            state.alert = nil
        }
    }

    /// Whether a thermometer can have meant it; some report a fault as a number far out of range.
    private static func isPlausible(_ temperature: Double) -> Bool { (-273.15...5_000).contains(temperature) }

    private static func rounded(_ temperature: Double) -> String { "\((temperature * 10).rounded() / 10)" }
}

extension Overheating.State {
    /// Puts a reading in its place by observed time; one that is older than a full window is dropped.
    fileprivate mutating func insert(_ reading: Overheating.Reading, keeping size: Int) {
        var place = window.endIndex
        while place > 0, reading < window[place - 1] { place -= 1 }
        if place > 0, window[place - 1].position == reading.position { return }
        window.insert(reading, at: place)
        if window.count > size { window.removeFirst(window.count - size) }
        // Added up anew, oldest first, so that the same readings have the same average in whatever order they came.
        average = window.reduce(0) { $0 + $1.temperature } / Double(window.count)
    }
}

extension Overheating.Reading: Comparable, Codable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.time, left.position) < (right.time, right.position)
    }

    /// Three numbers without names: 100,000 devices keep five of them each.
    package init(from decoder: any Decoder) throws {
        var numbers = try decoder.unkeyedContainer()
        time = Timestamp(microseconds: try numbers.decode(Int64.self))
        position = try numbers.decode(Int64.self)
        temperature = try numbers.decode(Double.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var numbers = encoder.unkeyedContainer()
        try numbers.encode(time.microseconds)
        try numbers.encode(position)
        try numbers.encode(temperature)
    }
}
