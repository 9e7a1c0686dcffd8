import Runtime

/// A device and what it needs to talk to the broker; lives on the thread of the fleet's connections.
final class DeviceLink {
    /// away -> queued -> greeting -> online, and from each back to away; closed is the end.
    enum Phase {
        case away
        case queued
        case greeting(DeviceConnection, WatchToken, since: ContinuousClock.Instant)
        case online(DeviceConnection, WatchToken)
        case closed
    }

    let id: String
    let key: String
    var device: SimulatedDevice
    var phase = Phase.away
    var outbox = Outbox()
    var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
    /// While the broker has nobody to hand messages to, publishing rests.
    var isResting = false
    var acknowledged = SeqSet()
    var firmware: DeviceFirmware
    /// Firmware reports without an acknowledgement, by packet id.
    var reports: [Int32: DeviceFirmware.Report] = [:]
    var firmwareOutcome: FirmwareOutcome?

    init(_ member: FleetMember) {
        id = member.id
        key = member.key
        device = member.device
        firmware = member.firmware
    }

    var connection: (DeviceConnection, WatchToken)? {
        switch phase {
        case .greeting(let connection, let token, _), .online(let connection, let token): (connection, token)
        case .away, .queued, .closed: nil
        }
    }
}

/// A registered device that is about to be simulated.
struct FleetMember: Sendable {
    var id: String
    var key: String
    var device: SimulatedDevice
    var firmware: DeviceFirmware
}

/// What a device has reached at the end.
struct DeviceOutcome: Sendable {
    var id: String
    var scenario: ScenarioName
    /// Of the readings whose publish the broker has acknowledged.
    var acknowledged: SeqSet
    /// The number of the next reading, had it gone on.
    var nextSeq: Int64
    var firmware: FirmwareOutcome?
}
