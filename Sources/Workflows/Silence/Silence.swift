package import Aggregates
package import Runtime

/// Notices devices that are not heard of: offline after their interval, an alert after a grace time, all well again
/// with the next message.
///
/// Any message is a sign of life, by its recorded time, since the device's own clock may be wrong. A message sets no
/// timer: the one that runs looks at the time of the last message when it elapses, and is set again if that was lately.
package enum Silence: Workflow {
    package static let name = "silence"
    package static let stateVersion: Int32 = 1

    // MARK: Decisions

    package enum Decision: Sendable, Equatable {
        case wentOffline(DeviceWentOffline)
        case reported(SilenceReported)
        case cameOnline(DeviceCameOnline)
        case released(SilenceReleased)
    }

    package struct DeviceWentOffline: Sendable, Codable, Equatable {
        package var lastSeenTime: Timestamp

        package init(lastSeenTime: Timestamp) { self.lastSeenTime = lastSeenTime }
    }

    /// The grace time has passed, and an alert was raised.
    package struct SilenceReported: Sendable, Codable, Equatable {
        package var alert: DeviceAlert

        package init(alert: DeviceAlert) { self.alert = alert }
    }

    package struct DeviceCameOnline: Sendable, Codable, Equatable {
        package init() {}
    }

    /// The device has left the account, or the fleet.
    package struct SilenceReleased: Sendable, Codable, Equatable {
        package var reason: String

        package init(reason: String) { self.reason = reason }
    }

    package static let codec = EventCodec<Decision>([
        .init("DeviceWentOffline", wrap: Decision.wentOffline) {
            if case .wentOffline(let fact) = $0 { fact } else { nil }
        },
        .init("SilenceReported", wrap: Decision.reported) { if case .reported(let fact) = $0 { fact } else { nil } },
        .init("DeviceCameOnline", wrap: Decision.cameOnline) {
            if case .cameOnline(let fact) = $0 { fact } else { nil }
        },
        .init("SilenceReleased", wrap: Decision.released) { if case .released(let fact) = $0 { fact } else { nil } },
    ])

    // MARK: State

    package struct State: Sendable, Codable, Equatable {
        package var device = ""
        package var type = DeviceType("")
        package var isRetired = false
        /// While the device is kept out, its silence is wanted.
        package var quarantinedSince: Timestamp?
        /// Nil until the device is first heard of.
        package var lastSeen: Timestamp?
        /// How long the device may be silent, as of its last event.
        package var interval = Duration.zero
        /// The position of the event upon which the silence timer had to be set.
        package var armedBy: Int64 = 0
        package var isOffline = false
        package var alert: DeviceAlert?
        package var alertCount = 0

        package init() {}
    }

    package static var initial: State { State() }

    // MARK: What it listens to

    package static let eventTypes: Set<String> = [
        "TelemetryRecorded", "MessageRefused", "DeviceConnected", "ConfigurationReported",
        "CommandAcknowledged", "CommandEnded", "DeviceRegistered", "DeviceUpdated", "DeviceAssigned",
        "DeviceQuarantined", "DeviceReleased", "DeviceRetired",
    ]

    package static func key(for stream: StreamName) -> String? {
        stream.category == Device.category ? stream.id : nil
    }

    package static func observe(_ event: WorkflowEvent, in state: inout State) {
        guard case .device(let fact) = event.content else { return }
        if state.device.isEmpty { state.device = event.stream.id }
        let wasHeard = state.lastSeen != nil
        switch fact {
        case .telemetryRecorded, .messageRefused, .connected, .configurationReported, .commandAcknowledged,
            .commandEnded:
            state.lastSeen = max(event.recordedTime, state.lastSeen ?? event.recordedTime)
        case .registered(let fact): state.type = fact.type
        case .updated(let fact): if let type = fact.type { state.type = type }
        case .assigned, .disconnected, .flapping, .fellSilent, .clockDrifted, .clockRecovered, .readingsRedated,
            .configurationDesired, .commandIssued, .commandSent, .commandTimedOut, .commandCancelled, .credentialIssued,
            .credentialsRotated, .credentialRevoked, .accessRefused:
            break
        case .quarantined: state.quarantinedSince = event.recordedTime
        case .released: state.quarantinedSince = nil
        case .retired: state.isRetired = true
        }
        let interval = event.terms.silenceInterval(of: state.type)
        // A timer that runs too long would notice too late; one that elapses too early is only set again.
        if state.lastSeen != nil, !wasHeard || interval < state.interval { state.armedBy = event.position }
        state.interval = interval
    }

    // MARK: What follows

    private static let silenceTimer = "silence"
    private static let graceTimer = "grace"

    package static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        guard let lastSeen = state.lastSeen else { return .none }
        switch input {
        case .event(let event): return react(to: event, lastSeen, state)
        case .timer where state.isRetired || state.quarantinedSince != nil: return .none
        case .timer(let timer) where timer.name == graceTimer: return report(timer, lastSeen, state)
        case .timer(let timer): return judge(timer, lastSeen, state)
        }
    }

    private static func react(
        to event: WorkflowEvent, _ lastSeen: Timestamp, _ state: State
    ) -> Reaction<Decision> {
        guard case .device(let fact) = event.content else { return .none }
        switch fact {
        case .retired: return leave(alone: state, "The device was retired.")
        case _ where state.isRetired: return .none
        case .quarantined: return leave(alone: state, "The device was quarantined.")
        case _ where state.quarantinedSince != nil: return .none
        case .released:
            // It gets its chance to be heard before the alarm.
            let deadline = event.recordedTime + state.interval
            if !state.isOffline { return Reaction(timers: [.set(silenceTimer, due: deadline)]) }
            return Reaction(timers: [.set(graceTimer, due: deadline + .seconds(event.settings.silence.grace))])
        case .assigned:
            guard let alert = state.alert else { break }
            // Its new account hears of it as of any other device that is silent.
            var reaction = release(alert, "The device was moved to another account.")
            reaction.timers = [.set(graceTimer, due: event.recordedTime + .seconds(event.settings.silence.grace))]
            return reaction
        case .telemetryRecorded, .messageRefused, .connected, .configurationReported, .commandAcknowledged,
            .commandEnded:
            if state.isOffline { return welcome(lastSeen, state) }
        case .registered, .updated, .disconnected, .flapping, .fellSilent, .clockDrifted, .clockRecovered,
            .readingsRedated, .configurationDesired, .commandIssued, .commandSent, .commandTimedOut, .commandCancelled,
            .credentialIssued,
            .credentialsRotated, .credentialRevoked, .accessRefused:
            break
        }
        let mustArm = state.armedBy == event.position && !state.isOffline
        return mustArm ? Reaction(timers: [.set(silenceTimer, due: lastSeen + state.interval)]) : .none
    }

    /// The silence timer has elapsed: has the device been silent all the time?
    private static func judge(_ timer: ElapsedTimer, _ lastSeen: Timestamp, _ state: State) -> Reaction<Decision> {
        guard !state.isOffline else { return .none }
        let deadline = lastSeen + timer.terms.silenceInterval(of: state.type)
        guard deadline <= timer.dueTime else { return Reaction(timers: [.set(silenceTimer, due: deadline)]) }
        // Counted from now: when the server itself was away, devices get their chance to be heard before the alarm.
        let graceEnd = timer.firedTime + .seconds(timer.settings.silence.grace)
        return Reaction(
            decisions: [.wentOffline(DeviceWentOffline(lastSeenTime: lastSeen))],
            commands: [.silence(device: state.device, lastSeenTime: lastSeen)],
            timers: [.set(graceTimer, due: graceEnd)])
    }

    /// The grace time has passed.
    private static func report(_ timer: ElapsedTimer, _ lastSeen: Timestamp, _ state: State) -> Reaction<Decision> {
        guard state.isOffline, state.alert == nil else { return .none }
        let alert = DeviceAlert(
            kind: name, device: state.device, number: state.alertCount + 1, account: timer.account)
        let second = Timestamp(microseconds: lastSeen.microseconds / 1_000_000 * 1_000_000)
        return alert.raising(
            .warning, title: "\(state.device) is silent", text: "Nothing has been heard of it since \(second).",
            data: ["lastSeenTime": "\(lastSeen)"], by: .reported(SilenceReported(alert: alert)))
    }

    private static func welcome(_ lastSeen: Timestamp, _ state: State) -> Reaction<Decision> {
        let decision = Decision.cameOnline(DeviceCameOnline())
        var reaction =
            state.alert.map {
                $0.clearing(title: "\(state.device) is back", reason: "It was heard at \(lastSeen).", by: decision)
            } ?? Reaction(decisions: [decision], timers: [.cancel(graceTimer)])
        reaction.timers.append(.set(silenceTimer, due: lastSeen + state.interval))
        return reaction
    }

    private static func leave(alone state: State, _ reason: String) -> Reaction<Decision> {
        var reaction = state.alert.map { release($0, reason) } ?? .none
        reaction.timers = [.cancel(silenceTimer), .cancel(graceTimer)]
        return reaction
    }

    private static func release(_ alert: DeviceAlert, _ reason: String) -> Reaction<Decision> {
        alert.clearing(
            title: "\(alert.device) is no longer watched for silence", reason: reason,
            by: .released(SilenceReleased(reason: reason)))
    }

    package static func evolve(_ state: inout State, with decision: Decision) {
        switch decision {
        case .wentOffline: state.isOffline = true
        case .reported(let fact):
            state.alert = fact.alert
            state.alertCount += 1
        case .cameOnline:
            state.isOffline = false
            state.alert = nil
        case .released: state.alert = nil
        }
    }
}
