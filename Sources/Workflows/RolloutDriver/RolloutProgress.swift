import Aggregates
import Runtime

/// What the driver knows of a rollout: no device by name, only how many of each group have come to an end.
package struct RolloutProgress: Sendable, Codable, Equatable {
    enum Phase: String, Codable {
        case running
        /// The driver has asked for a pause.
        case stopping
        case paused
        /// The driver has asked for the end.
        case finishing
        case ended
    }

    /// Nil before the rollout is created.
    var rollout: String?
    var account = AccountID.default
    var version = ""
    var groups = RolloutGroups()
    var successThreshold = 100
    var errorThreshold = 0
    var deviceTimeout = 0
    var phase = Phase.running
    /// Groups that are open, or that the driver has asked to be opened.
    var wantedGroups = 0
    var succeeded = 0
    var ended = 0

    package init() {}

    var deviceCount: Int { groups.deviceCount }

    mutating func apply(_ event: Rollout.Event, of rollout: String) {
        switch event {
        case .created(let fact):
            self.rollout = rollout
            account = fact.plan.account
            version = fact.plan.version
            groups = RolloutGroups(of: fact.plan.groupSize, deviceCount: fact.deviceCount)
            successThreshold = fact.plan.successThreshold
            errorThreshold = fact.plan.errorThreshold
            deviceTimeout = fact.plan.deviceTimeout
        case .groupOpened(let fact):
            groups.open(upTo: fact.group + 1)
            wantedGroups = max(wantedGroups, groups.opened)
        case .deviceSucceeded(let fact):
            groups[fact.group].succeeded += 1
            succeeded += 1
            ended += 1
        case .deviceFailed(let fact) where fact.isFinal: noteFailure(in: fact.group)
        case .deviceTimedOut(let fact) where fact.isFinal: noteFailure(in: fact.group)
        case .paused: phase = .paused
        case .resumed:
            phase = .running
            // What was asked for when the pause came has been refused.
            wantedGroups = groups.opened
        case .aborted, .finished: phase = .ended
        case .deviceFailed, .deviceTimedOut, .devicesListed, .devicesNotified, .deviceProgressed, .deviceRetried,
            .devicesCancelled:
            break
        }
    }

    private mutating func noteFailure(in group: Int) {
        groups[group].failed += 1
        ended += 1
    }
}
