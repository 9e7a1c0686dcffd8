import Aggregates
package import Runtime

/// Drives a rollout: opens group after group, tries devices again, gives stuck ones up, and stops it in time.
///
/// Everything it goes by is in the rollout's own events, and each costs it the same however many devices there are.
package enum RolloutDriver: Workflow {
    package enum Decision: Sendable, Equatable {
        case groupDue(RolloutGroupDue)
        case stopped(RolloutStopped)
        case completed(RolloutCompleted)
    }

    package static let name = "rollout"
    package static let stateVersion: Int32 = 2
    package static var initial: RolloutProgress { RolloutProgress() }
    package static let eventTypes = Set(Rollout.codec.types)

    package static func key(for stream: StreamName) -> String? {
        stream.category == Rollout.category ? stream.id : nil
    }

    package static func observe(_ event: WorkflowEvent, in state: inout RolloutProgress) {
        if case .rollout(let content) = event.content { state.apply(content, of: event.stream.id) }
    }

    package static func evolve(_ state: inout RolloutProgress, with decision: Decision) {
        switch decision {
        case .groupDue(let fact): state.wantedGroups = fact.group + 1
        case .stopped: state.phase = .stopping
        case .completed: state.phase = .finishing
        }
    }

    package static func react(to input: WorkflowInput, in state: RolloutProgress) -> Reaction<Decision> {
        switch input {
        case .event(let event):
            guard case .rollout(let content) = event.content else { return .none }
            return react(to: content, of: event.stream.id, at: event.recordedTime, in: state)
        case .timer(let timer):
            return react(to: timer, in: state)
        }
    }

    private static func react(
        to event: Rollout.Event, of rollout: String, at time: Timestamp, in state: RolloutProgress
    ) -> Reaction<Decision> {
        switch event {
        case .created:
            return next(of: rollout, in: state)
        case .resumed:
            // Whoever resumed it has seen how the newest group ended, and wants it to go on.
            return next(of: rollout, in: state, evenAfterFailure: true)
        case .devicesNotified(let fact):
            return Reaction(
                timers: fact.devices.map {
                    DeviceTimer.stuck($0, attempt: fact.attempt).set(at: time + .seconds(state.deviceTimeout))
                })
        case .deviceProgressed(let fact):
            // A device that moves gets its time anew; it moves at most twice an attempt.
            let timer = DeviceTimer.stuck(fact.device, attempt: fact.attempt)
            return Reaction(timers: [timer.set(at: time + .seconds(state.deviceTimeout))])
        case .deviceSucceeded(let fact):
            var reaction = next(of: rollout, in: state)
            reaction.timers = [
                DeviceTimer.stuck(fact.device, attempt: fact.attempt).cancelled,
                DeviceTimer.retry(fact.device, attempt: fact.attempt + 1).cancelled,
            ]
            return reaction
        case .deviceFailed(let fact):
            var reaction =
                fact.isFinal
                ? next(of: rollout, afterFailureIn: fact.group, in: state)
                : retry(fact.device, attempt: fact.attempt + 1, of: rollout, at: time)
            reaction.timers.append(DeviceTimer.stuck(fact.device, attempt: fact.attempt).cancelled)
            return reaction
        case .deviceTimedOut(let fact):
            return fact.isFinal
                ? next(of: rollout, afterFailureIn: fact.group, in: state)
                : retry(fact.device, attempt: fact.attempt + 1, of: rollout, at: time)
        case .finished:
            return Reaction(notifications: [RolloutNotification.finished(rollout, state)])
        case .devicesListed, .groupOpened, .deviceRetried, .paused, .aborted, .devicesCancelled:
            return .none
        }
    }

    private static func next(
        of rollout: String, afterFailureIn group: Int, in state: RolloutProgress
    ) -> Reaction<Decision> {
        guard state.phase == .running else { return .none }
        let (failed, size) = (state.groups[group].failed, state.groups.size(of: group))
        if failed * 100 > state.errorThreshold * size {
            return stop(rollout, because: "\(failed) of \(size) devices of group \(group + 1) have failed", in: state)
        }
        return next(of: rollout, in: state)
    }

    /// Opens the next group, finishes, stops, or waits, by what the newest group has come to.
    private static func next(
        of rollout: String, in state: RolloutProgress, evenAfterFailure: Bool = false
    ) -> Reaction<Decision> {
        guard state.phase == .running else { return .none }
        if state.ended == state.deviceCount {
            return Reaction(
                decisions: [.completed(RolloutCompleted())], commands: [.rollout(id: rollout, .finish)])
        }
        let newest = state.wantedGroups - 1
        guard newest >= 0 else { return open(0, of: rollout) }
        guard state.wantedGroups < state.groups.count else { return .none }
        let (tally, size) = (state.groups[newest], state.groups.size(of: newest))
        if tally.succeeded * 100 >= state.successThreshold * size { return open(newest + 1, of: rollout) }
        guard tally.ended == size else { return .none }
        if evenAfterFailure { return open(newest + 1, of: rollout) }
        let reason = "only \(tally.succeeded) of \(size) devices of group \(newest + 1) have succeeded"
        return stop(rollout, because: reason, in: state)
    }

    private static func open(_ group: Int, of rollout: String) -> Reaction<Decision> {
        Reaction(
            decisions: [.groupDue(RolloutGroupDue(group: group))],
            commands: [.rollout(id: rollout, .openGroup(group))])
    }

    private static func stop(
        _ rollout: String, because reason: String, in state: RolloutProgress
    ) -> Reaction<Decision> {
        Reaction(
            decisions: [.stopped(RolloutStopped(reason: reason))],
            commands: [.rollout(id: rollout, .pause(reason: reason))],
            notifications: [RolloutNotification.stopped(rollout, because: reason, state)])
    }

    private static func retry(
        _ device: String, attempt: Int, of rollout: String, at time: Timestamp
    ) -> Reaction<Decision> {
        let delay = RetryDelay.before(attempt: attempt, of: device, in: rollout)
        return Reaction(timers: [DeviceTimer.retry(device, attempt: attempt).set(at: time + delay)])
    }

    /// A device whose time passes while the rollout rests keeps its timer, which looks again later.
    private static func react(to elapsed: ElapsedTimer, in state: RolloutProgress) -> Reaction<Decision> {
        guard let timer = DeviceTimer(name: elapsed.name), let rollout = state.rollout else { return .none }
        switch state.phase {
        case .finishing, .ended: return .none
        // From when it fired: after an outage it would otherwise have to catch up minute by minute.
        case .paused, .stopping: return Reaction(timers: [timer.set(at: elapsed.firedTime + RetryDelay.whilePaused)])
        case .running:
            switch timer {
            case .stuck(let device, let attempt):
                return Reaction(commands: [.rollout(id: rollout, .timeOut(device: device, attempt: attempt))])
            case .retry(let device, let attempt):
                return Reaction(commands: [.rollout(id: rollout, .retry(device: device, attempt: attempt))])
            }
        }
    }
}
