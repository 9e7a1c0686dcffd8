package import Aggregates
package import Runtime

/// One device of one rollout as the view `rollout-devices` knows it.
package struct RolloutDeviceRow: Sendable, Hashable {
    package var rollout: String
    package var device: String
    /// Its place in the plan, from 0.
    package var place: Int
    package var state = InstallationState.scheduled
    package var attempt = 1
    /// Why its last attempt failed; empty if none has.
    package var reason = ""
    /// The recorded time of the last event about it.
    package var changedTime: Timestamp
    /// The version of the rollout's stream when it changed.
    package var version: Int64
}

/// The view `rollout-devices`: how far each device of each rollout has come.
///
/// A view of its own, so that a report rewrites the row of one device and not those of all.
package enum RolloutDevicesProjection: WideProjection {
    package static let name = "rollout-devices"
    package static let category = Rollout.category
    package static let key = "rollout || '/' || device"
    package static let streamColumn = "rollout"

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] {
        try Rollout.codec.decode(event).devices.map { id($0, of: event.stream.id) }
    }

    package static func evolve(
        _ rows: inout ViewRows<RolloutDeviceRow>, with event: RecordedEvent
    ) throws(EventCodecError) {
        let fact = try Rollout.codec.decode(event)
        let rollout = event.stream.id
        func add(_ devices: [String], from first: Int) {
            for (place, device) in zip(first..., devices) {
                rows[id(device, of: rollout)] = RolloutDeviceRow(
                    rollout: rollout, device: device, place: place, changedTime: event.recordedTime,
                    version: event.version)
            }
        }
        func change(_ devices: [String], _ apply: (inout RolloutDeviceRow) -> Void) {
            for device in devices {
                let id = id(device, of: rollout)
                guard var row = rows[id], event.version > row.version else { continue }
                row.version = event.version
                row.changedTime = event.recordedTime
                apply(&row)
                rows[id] = row
            }
        }
        switch fact {
        case .created(let created): add(created.plan.devices, from: 0)
        case .devicesListed(let listed): add(listed.devices, from: listed.first)
        case .devicesNotified(let notified): change(notified.devices) { $0.state = .notified }
        case .deviceProgressed(let progressed): change([progressed.device]) { $0.state = progressed.state }
        case .deviceSucceeded(let succeeded):
            change([succeeded.device]) { ($0.state, $0.reason) = (.succeeded, "") }
        case .deviceFailed(let failed):
            change([failed.device]) {
                ($0.state, $0.reason) = (failed.isFinal ? .failed : .scheduled, failed.reason)
            }
        case .deviceTimedOut(let timedOut):
            change([timedOut.device]) {
                ($0.state, $0.reason) = (timedOut.isFinal ? .timedOut : .scheduled, "the device took too long")
            }
        case .deviceRetried(let retried): change([retried.device]) { $0.attempt = retried.attempt }
        case .devicesCancelled(let cancelled): change(cancelled.devices) { $0.state = .cancelled }
        case .groupOpened, .paused, .resumed, .aborted, .finished: break
        }
    }

    package static func id(of row: RolloutDeviceRow) -> String { id(row.device, of: row.rollout) }

    package static func stream(of row: RolloutDeviceRow) -> String { row.rollout }

    /// No id holds a slash.
    private static func id(_ device: String, of rollout: String) -> String { "\(rollout)/\(device)" }
}

extension Rollout.Event {
    /// The devices whose rows it changes.
    fileprivate var devices: [String] {
        switch self {
        case .created(let fact): fact.plan.devices
        case .devicesListed(let fact): fact.devices
        case .devicesNotified(let fact): fact.devices
        case .deviceProgressed(let fact): [fact.device]
        case .deviceSucceeded(let fact): [fact.device]
        case .deviceFailed(let fact): [fact.device]
        case .deviceTimedOut(let fact): [fact.device]
        case .deviceRetried(let fact): [fact.device]
        case .devicesCancelled(let fact): fact.devices
        case .groupOpened, .paused, .resumed, .aborted, .finished: []
        }
    }
}
