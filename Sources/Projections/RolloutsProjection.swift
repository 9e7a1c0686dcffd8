package import Aggregates
package import Runtime

/// A rollout as the view `rollouts` knows it.
package struct RolloutRow: Sendable, Hashable {
    package var id: String
    package var account: AccountID
    /// The version of the firmware.
    package var firmware: String
    package var artifact: FirmwareArtifact
    package var groupSize: Int
    package var successThreshold: Int
    package var errorThreshold: Int
    package var attempts: Int
    package var deviceTimeout: Int
    package var state: Rollout.Status
    package var reason = ""
    package var counts: InstallationCounts
    package var openedGroups = 0
    package var createdTime: Timestamp
    /// The recorded time of the last event.
    package var changedTime: Timestamp
    /// The version of the rollout's stream that this row reflects.
    package var version: Int64

    package var groups: Int { (counts.total + groupSize - 1) / groupSize }
}

/// The view `rollouts`: what is rolled out, and how many devices have come how far.
package enum RolloutsProjection: Projection {
    package static let name = "rollouts"
    package static let category = Rollout.category

    package static func evolve(_ row: inout RolloutRow?, with event: RecordedEvent) throws(EventCodecError) {
        let fact = try Rollout.codec.decode(event)
        if case .created(let created) = fact {
            let plan = created.plan
            row = RolloutRow(
                id: event.stream.id, account: plan.account, firmware: plan.version, artifact: plan.artifact,
                groupSize: plan.groupSize, successThreshold: plan.successThreshold,
                errorThreshold: plan.errorThreshold, attempts: plan.attempts, deviceTimeout: plan.deviceTimeout,
                state: .created, counts: InstallationCounts(scheduled: created.deviceCount),
                createdTime: event.recordedTime, changedTime: event.recordedTime, version: event.version)
            return
        }
        guard var changed = row, event.version > changed.version else { return }
        changed.version = event.version
        changed.changedTime = event.recordedTime
        changed.apply(fact)
        row = changed
    }

    package static func id(of row: RolloutRow) -> String { row.id }
}

extension RolloutRow {
    fileprivate mutating func apply(_ event: Rollout.Event) {
        switch event {
        case .created, .devicesListed, .deviceRetried: break
        case .groupOpened(let fact):
            state = .running
            openedGroups = fact.group + 1
        case .devicesNotified(let fact): counts.move(fact.devices.count, from: .scheduled, to: .notified)
        case .deviceProgressed(let fact): counts.move(from: fact.was, to: fact.state)
        case .deviceSucceeded(let fact): counts.move(from: fact.was, to: .succeeded)
        case .deviceFailed(let fact): counts.move(from: fact.was, to: fact.isFinal ? .failed : .scheduled)
        case .deviceTimedOut(let fact): counts.move(from: fact.was, to: fact.isFinal ? .timedOut : .scheduled)
        case .paused(let fact): (state, reason) = (.paused, fact.reason)
        case .resumed: (state, reason) = (.running, "")
        case .aborted(let fact):
            (state, reason) = (.aborted, fact.reason)
            // The devices follow by name; that none is left of these is known already.
            for left in InstallationState.allCases where !left.hasEnded {
                counts.move(counts[left], from: left, to: .cancelled)
            }
        case .devicesCancelled: break
        case .finished: state = .finished
        }
    }
}
