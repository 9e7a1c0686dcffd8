import Aggregates
import Runtime
import Testing
import Workflows

private typealias Spec = WorkflowSpecification<RolloutDriver>

/// Three groups of two devices each: half of a group opens the next one, more than half of it failing stops.
private func created(
    devices: Int = 6, groupSize: Int = 2, successThreshold: Int = 50, errorThreshold: Int = 49
) -> FleetEvent {
    let plan = RolloutPlan(
        account: .default, version: "2.0",
        artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
        devices: (0..<devices).map { "d\($0)" }, groupSize: groupSize, successThreshold: successThreshold,
        errorThreshold: errorThreshold, attempts: 2, deviceTimeout: 600)
    return .rollout(.created(RolloutCreated(plan: plan, deviceCount: devices)))
}

private func opened(_ group: Int) -> FleetEvent {
    .rollout(.groupOpened(RolloutGroupOpened(group: group, first: group * 2, count: 2)))
}

private func notified(_ devices: String..., attempt: Int = 1) -> FleetEvent {
    .rollout(.devicesNotified(RolloutDevicesNotified(devices: devices, attempt: attempt)))
}

private func succeeded(_ device: String, group: Int = 0) -> FleetEvent {
    .rollout(.deviceSucceeded(RolloutDeviceSucceeded(device: device, group: group, attempt: 1, was: .notified)))
}

private func failed(_ device: String, group: Int = 0, attempt: Int = 2, isFinal: Bool = true) -> FleetEvent {
    .rollout(
        .deviceFailed(
            RolloutDeviceFailed(
                device: device, group: group, attempt: attempt, was: .notified, reason: "checksum", isFinal: isFinal)))
}

private func timedOut(_ device: String, group: Int = 0, attempt: Int = 2, isFinal: Bool = true) -> FleetEvent {
    .rollout(
        .deviceTimedOut(
            RolloutDeviceTimedOut(
                device: device, group: group, attempt: attempt, was: .notified, isFinal: isFinal)))
}

private let paused = FleetEvent.rollout(.paused(RolloutPaused(reason: "lunch")))
private let resumed = FleetEvent.rollout(.resumed(RolloutResumed()))
private let aborted = FleetEvent.rollout(.aborted(RolloutAborted(reason: "bad")))
private let stuck = TimerChange.cancel("stuck:d0:1")
private let retry = TimerChange.cancel("retry:d0:2")

private func command(_ command: Rollout.Command) -> OutgoingCommand { .rollout(id: "r1", command) }

private func due(_ group: Int) -> RolloutDriver.Decision { .groupDue(RolloutGroupDue(group: group)) }

private func opening(_ group: Int, _ timers: TimerChange...) -> Reaction<RolloutDriver.Decision> {
    Reaction(decisions: [due(group)], commands: [command(.openGroup(group))], timers: timers)
}

private func given(_ events: FleetEvent...) -> Spec {
    events.reduce(Spec.given(created(), opened(0), on: "rollout-r1")) { $0.and($1, at: .noon) }
}

@Suite struct `The driver of a rollout` {
    @Test func `opens the first group of a new rollout`() {
        Spec.given(on: "rollout-r1").when(created(), at: .noon).then(opening(0))
    }

    @Test func `opens the next group when enough of the newest have succeeded, once`() {
        given().when(succeeded("d0"), at: .noon).then(opening(1, stuck, retry)).next
            .when(succeeded("d1"), at: .noon).thenCommands()
        given(succeeded("d0"), opened(1)).when(succeeded("d1"), at: .noon).thenCommands()
    }

    @Test func `waits for the others below the threshold`() {
        Spec.given(created(successThreshold: 51), opened(0), on: "rollout-r1").when(succeeded("d0"), at: .noon)
            .thenDecisions().thenCommands()
    }

    @Test func `concerns itself with rollouts only`() {
        #expect(RolloutDriver.key(for: StreamName(category: "rollout", id: "r1")) == "r1")
        #expect(RolloutDriver.key(for: StreamName(category: "device", id: "r1")) == nil)
    }

    @Test func `asks for the end when every device has ended, and tells of it once it is there`() {
        let last = given(
            succeeded("d0"), succeeded("d1"), opened(1), succeeded("d2", group: 1), succeeded("d3", group: 1),
            opened(2), succeeded("d4", group: 2))
        let finished = last.when(failed("d5", group: 2), at: .noon)
        // One of two is more than 49 %: the last group stops as well.
        finished.thenCommands(command(.pause(reason: "1 of 2 devices of group 3 have failed")))
        let ended = last.when(succeeded("d5", group: 2), at: .noon).thenDecisions(.completed(RolloutCompleted()))
            .thenCommands(command(.finish)).next.when(.rollout(.finished(RolloutFinished())), at: .noon)
        #expect(ended.reaction.notifications.map(\.severity) == [.info])
        #expect(ended.reaction.notifications.first?.text.contains("6 of 6") == true)
    }

    @Test func `asks for the end again if a pause came in between`() {
        let last = Spec.given(created(devices: 1), opened(0), on: "rollout-r1")
            .and(succeeded("d0"), at: .noon)
        last.and(paused, at: .noon).when(resumed, at: .noon).thenCommands(command(.finish))
    }

    @Test func `asks for the group again if a pause came in between`() {
        given(succeeded("d0"), paused).when(resumed, at: .noon).then(opening(1))
        given(succeeded("d0"), opened(1), paused).when(resumed, at: .noon).thenCommands()
    }
}

@Suite struct `A rollout that goes wrong` {
    private let stop = "1 of 2 devices of group 1 have failed"

    @Test func `is paused when more than the threshold have failed for good, with a warning`() throws {
        let outcome = given().when(failed("d0"), at: .noon)
            .thenDecisions(.stopped(RolloutStopped(reason: stop)))
            .thenCommands(command(.pause(reason: stop)))
        let notification = try #require(outcome.reaction.notifications.first)
        #expect(notification.severity == .warning)
        #expect(notification.type == "fleetlog.rollout.paused.v1")
        #expect(notification.subject == "rollout/r1")
        #expect(notification.data["reason"] == stop)
        given().when(timedOut("d0"), at: .noon).thenCommands(command(.pause(reason: stop)))
    }

    @Test func `is paused once, however many fail after that`() {
        given(failed("d0")).when(failed("d1"), at: .noon).thenCommands().thenNotifications()
    }

    @Test func `goes on at the threshold itself`() {
        Spec.given(created(errorThreshold: 50), opened(0), on: "rollout-r1").when(failed("d0"), at: .noon)
            .thenDecisions().thenCommands()
    }

    @Test func `is paused when its group has ended with too few successes`() {
        Spec.given(created(errorThreshold: 100), opened(0), on: "rollout-r1").and(failed("d0"), at: .noon)
            .when(failed("d1"), at: .noon)
            .thenCommands(command(.pause(reason: "only 0 of 2 devices of group 1 have succeeded")))
    }

    @Test func `minds the failures of an earlier group too`() {
        given(succeeded("d0"), opened(1)).when(failed("d1"), at: .noon).thenCommands(command(.pause(reason: stop)))
    }

    @Test func `goes on with the next group when somebody resumes it all the same`() {
        given(failed("d0"), failed("d1"), paused).when(resumed, at: .noon).then(opening(1))
    }

    @Test func `waits for what is under way when somebody resumes it`() {
        given(failed("d0"), paused).when(resumed, at: .noon).thenNothing().next
            .when(succeeded("d1"), at: .noon).thenDecisions(due(1))
    }

    @Test func `is left alone after it was aborted`() {
        given(aborted).when(succeeded("d0"), at: .noon).thenDecisions().thenCommands()
        given(notified("d0"), aborted).when(timer: "stuck:d0:1").thenNothing()
    }
}

@Suite struct `A device of a rollout` {
    @Test func `is given up after its time, and its timer goes when it ends`() {
        let waiting = given(notified("d0", "d1"))
        waiting.when(timer: "stuck:d0:1").then(
            Reaction(commands: [command(.timeOut(device: "d0", attempt: 1))]))
        waiting.when(succeeded("d0"), at: .noon).thenPending(["stuck:d1:1": .noon + .seconds(600)])
        waiting.when(failed("d0", attempt: 1), at: .noon).thenPending(["stuck:d1:1": .noon + .seconds(600)])
    }

    @Test func `gets its time anew when it moves`() {
        let moved = FleetEvent.rollout(
            .deviceProgressed(
                RolloutDeviceProgressed(device: "d0", group: 0, attempt: 1, was: .notified, state: .downloading)))
        given(notified("d0")).when(moved, at: .noon + .seconds(60))
            .then(Reaction(timers: [.set("stuck:d0:1", due: .noon + .seconds(660))]))
    }

    @Test func `is tried again after a delay that grows`() throws {
        func delay(_ attempt: Int, _ device: String = "d0") throws -> Duration {
            let outcome = given().when(failed(device, attempt: attempt, isFinal: false), at: .noon)
            guard case .set("retry:\(device):\(attempt + 1)", let due)? = outcome.reaction.timers.first else {
                throw Missing()
            }
            #expect(outcome.reaction.commands.isEmpty)
            return due - .noon
        }
        for (attempt, ceiling) in [(1, 10), (2, 20), (3, 40), (9, 2_560), (10, 3_600), (99, 3_600)] {
            let delay = try delay(attempt)
            #expect(delay >= .seconds(ceiling) / 2 && delay <= .seconds(ceiling), "attempt \(attempt)")
        }
        #expect(try delay(1) == delay(1))
        #expect(try delay(1) != delay(1, "d1"))
    }

    private struct Missing: Error {}

    @Test func `is tried again when its delay is over`() {
        let waiting = given(notified("d0"), timedOut("d0", attempt: 1, isFinal: false))
        waiting.when(timer: "retry:d0:2").then(Reaction(commands: [command(.retry(device: "d0", attempt: 2))]))
        waiting.when(succeeded("d0"), at: .noon).thenPending([:])
    }

    @Test func `keeps its timers while the rollout is paused, and loses none`() {
        let resting = given(notified("d0"), failed("d1", attempt: 1, isFinal: false), paused)
        let later = resting.and(until: .noon + .seconds(700))
        #expect(Set(later.timers.keys) == ["stuck:d0:1", "retry:d1:2"])
        #expect(later.timers.values.allSatisfy { $0 > .noon + .seconds(700) })
        later.and(resumed, at: .noon + .seconds(700)).when(timer: "stuck:d0:1")
            .thenCommands(command(.timeOut(device: "d0", attempt: 1)))
        later.and(resumed, at: .noon + .seconds(700)).when(timer: "retry:d1:2")
            .thenCommands(command(.retry(device: "d1", attempt: 2)))
    }

    @Test func `looks again at a timer once, however long nobody was there to look`() {
        let weekend = Timestamp.noon + .seconds(60 * 3_600)
        let resting = given(notified("d0"), paused).when(timer: "stuck:d0:1", fired: weekend)
        resting.thenPending(["stuck:d0:1": weekend + .seconds(60)])
    }
}
