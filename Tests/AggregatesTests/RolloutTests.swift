import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Rollout>

private let home = AccountID("home")
private let artifact = FirmwareArtifact(url: "https://f.example/2.bin", sha256: String(repeating: "a", count: 64))

private func plan(
    version: String = "2.0", artifact: FirmwareArtifact = artifact, devices: [String] = ["a", "b", "c"],
    groupSize: Int = 2, successThreshold: Int = 80, errorThreshold: Int = 20, attempts: Int = 2,
    deviceTimeout: Int = 60
) -> RolloutPlan {
    RolloutPlan(
        account: home, version: version, artifact: artifact, devices: devices, groupSize: groupSize,
        successThreshold: successThreshold, errorThreshold: errorThreshold, attempts: attempts,
        deviceTimeout: deviceTimeout)
}

private func created(_ plan: RolloutPlan = plan()) -> Rollout.Event {
    .created(RolloutCreated(plan: plan, deviceCount: plan.devices.count))
}

private let firstGroup = Rollout.Event.groupOpened(RolloutGroupOpened(group: 0, first: 0, count: 2))
private let secondGroup = Rollout.Event.groupOpened(RolloutGroupOpened(group: 1, first: 2, count: 1))
private let paused = Rollout.Event.paused(RolloutPaused(reason: "lunch"))
private let aborted = Rollout.Event.aborted(RolloutAborted(reason: "bad"))

private func notified(_ devices: String..., attempt: Int = 1) -> Rollout.Event {
    .devicesNotified(RolloutDevicesNotified(devices: devices, attempt: attempt))
}

private func succeeded(_ device: String, group: Int = 0, was: InstallationState = .notified) -> Rollout.Event {
    .deviceSucceeded(RolloutDeviceSucceeded(device: device, group: group, attempt: 1, was: was))
}

private func failed(
    _ device: String, attempt: Int = 1, was: InstallationState = .notified, _ reason: String = "checksum",
    isFinal: Bool = false
) -> Rollout.Event {
    .deviceFailed(
        RolloutDeviceFailed(
            device: device, group: 0, attempt: attempt, was: was, reason: reason, isFinal: isFinal))
}

private func retried(_ device: String, attempt: Int = 2) -> Rollout.Event {
    .deviceRetried(RolloutDeviceRetried(device: device, attempt: attempt))
}

private func timedOut(_ device: String, attempt: Int = 1, isFinal: Bool = false) -> Rollout.Event {
    .deviceTimedOut(
        RolloutDeviceTimedOut(device: device, group: 0, attempt: attempt, was: .notified, isFinal: isFinal))
}

private func report(
    _ device: String, _ status: FirmwareReport.Status, version: String = "2.0", detail: String? = nil
) -> Rollout.Command {
    .report(FirmwareReport(device: device, status: status, version: version, detail: detail))
}

@Suite struct `A plan for a rollout` {
    @Test func `becomes a rollout`() { Spec.given().when(.create(plan())).then(created()) }

    @Test(arguments: [
        (plan(version: ""), "version"), (plan(version: "2\n"), "version"),
        (plan(version: String(repeating: "2", count: 65)), "version"),
        (plan(artifact: .init(url: "ftp://f/2", sha256: artifact.sha256)), "artifact.url"),
        (plan(artifact: .init(url: "https://", sha256: artifact.sha256)), "artifact.url"),
        (plan(artifact: .init(url: "https://f/a b", sha256: artifact.sha256)), "artifact.url"),
        (
            plan(artifact: .init(url: "https://f/" + String(repeating: "x", count: 1_991), sha256: artifact.sha256)),
            "artifact.url"
        ), (plan(artifact: .init(url: artifact.url, sha256: "abc")), "artifact.sha256"),
        (plan(artifact: .init(url: artifact.url, sha256: String(repeating: "g", count: 64))), "artifact.sha256"),
        (plan(devices: []), "devices"), (plan(devices: ["a", "a"]), "devices"), (plan(devices: ["a b"]), "devices"),
        (plan(groupSize: 0), "groupSize"),
        (plan(successThreshold: 0), "successThreshold"), (plan(successThreshold: 101), "successThreshold"),
        (plan(errorThreshold: -1), "errorThreshold"), (plan(errorThreshold: 101), "errorThreshold"),
        (plan(attempts: 0), "attempts"), (plan(deviceTimeout: 0), "deviceTimeout"),
    ])
    func `is refused with the name of the malformed field`(_ plan: RolloutPlan, _ field: String) {
        guard case .failure(.malformed(field, _)) = Spec.given().when(.create(plan)).result else {
            Issue.record("\(field) was not refused")
            return
        }
    }

    @Test func `may not have more devices than there is room for`() {
        let outcome = Spec.given().when(.create(plan(devices: (0...100_000).map { "d\($0)" })))
        outcome.thenRejected(.malformed(field: "devices", reason: "must be 1 to 100000"))
    }

    @Test func `for many devices is told in several events`() throws {
        let devices = (0..<100_000).map { "device-number-\($0)" }
        let events = try #require(try? Spec.given().when(.create(plan(devices: devices))).result.get())
        var state = Rollout.initial
        for event in events {
            #expect(try Rollout.codec.encode(event).data.count < Append.largestPayload)
            Rollout.evolve(&state, with: event, observedAt: .noon)
        }
        #expect(events.count > 1)
        #expect(state.devices.ids == devices)
        #expect(state.counts == InstallationCounts(scheduled: 100_000))
    }

    @Test func `is of no use twice, nor to somebody of another account`() {
        Spec.given(created()).when(.create(plan())).thenRejected(.alreadyCreated)
        Spec.given().when(.create(plan()), scope: .only(AccountID("other"))).thenRejected(.unknownRollout)
        Spec.given(created()).when(.resume, scope: .only(AccountID("other"))).thenRejected(.unknownRollout)
        Spec.given().when(report("a", .succeeded)).thenRejected(.unknownRollout)
    }
}

@Suite struct `A group of a rollout` {
    @Test func `is opened once and in order`() {
        Spec.given(created()).when(.openGroup(0)).then(firstGroup)
        Spec.given(created(), firstGroup).when(.openGroup(0)).thenNothing()
        Spec.given(created(), firstGroup).when(.openGroup(1)).then(secondGroup)
        Spec.given(created()).when(.openGroup(1)).thenRejected(.groupOutOfOrder(next: 0))
        Spec.given(created(), firstGroup, secondGroup).when(.openGroup(2)).thenRejected(.groupOutOfOrder(next: 2))
    }

    @Test func `is not opened while the rollout is paused or after its end`() {
        Spec.given(created(), paused).when(.openGroup(0)).thenRejected(.paused)
        Spec.given(created(), aborted).when(.openGroup(0)).thenRejected(.aborted)
    }

    @Test func `has its devices notified, each once`() {
        Spec.given(created(), firstGroup).when(.markNotified(["b", "a", "a", "c", "x"])).then(notified("b", "a"))
        Spec.given(created(), firstGroup, notified("a")).when(.markNotified(["a"])).thenNothing()
        Spec.given(created(), firstGroup, aborted).when(.markNotified(["a"])).thenNothing()
    }

    @Test func `may hold devices at different attempts`() {
        Spec.given(created(), firstGroup, notified("a"), failed("a"), retried("a")).when(.markNotified(["a", "b"]))
            .then(notified("b"), notified("a", attempt: 2))
    }
}

@Suite struct `A report of a device` {
    private let given = Spec.given(created(), firstGroup, notified("a", "b"))

    @Test func `moves the device forward, and never back`() {
        func progressed(_ was: InstallationState, _ state: InstallationState) -> Rollout.Event {
            .deviceProgressed(RolloutDeviceProgressed(device: "a", group: 0, attempt: 1, was: was, state: state))
        }
        given.when(report("a", .downloading)).then(progressed(.notified, .downloading))
        given.when(report("a", .installing)).then(progressed(.notified, .installing))
        let installing = given.and(progressed(.notified, .installing), at: .noon)
        installing.when(report("a", .downloading)).thenNothing()
        installing.when(report("a", .installing)).thenNothing()
        installing.when(report("a", .succeeded)).then(succeeded("a", was: .installing))
        given.and(succeeded("a"), at: .noon).when(report("a", .installing)).thenNothing()
    }

    @Test func `of the new version means success, and of another one that it fell back`() {
        given.when(report("a", .succeeded)).then(succeeded("a"))
        given.when(report("a", .succeeded, version: "1.9"))
            .then(failed("a", "the device fell back to version 1.9"))
    }

    @Test func `may come before the device is marked as notified`() {
        Spec.given(created(), firstGroup).when(report("a", .succeeded)).then(succeeded("a", was: .scheduled))
    }

    @Test func `changes nothing when it comes twice`() {
        given.and(succeeded("a"), at: .noon).when(report("a", .succeeded)).thenNothing()
        given.and(failed("a"), at: .noon).when(report("a", .failed)).thenNothing()
        given.and(failed("a", isFinal: true), at: .noon).when(report("a", .failed)).thenNothing()
    }

    @Test func `is refused if it contradicts the end of the device`() {
        given.and(succeeded("a"), at: .noon).when(report("a", .failed))
            .thenRejected(.deviceEnded(device: "a", .succeeded))
        given.and(timedOut("a", isFinal: true), at: .noon).when(report("a", .succeeded))
            .thenRejected(.deviceEnded(device: "a", .timedOut))
    }

    @Test func `is refused from a device that it does not concern`() {
        given.when(report("x", .succeeded)).thenRejected(.notInRollout(device: "x"))
        given.when(report("c", .succeeded)).thenRejected(.notOpened(device: "c"))
    }

    @Test func `is taken while the rollout is paused, and refused after it was aborted`() {
        given.and(paused, at: .noon).when(report("a", .succeeded)).then(succeeded("a"))
        given.and(aborted, at: .noon).when(report("a", .succeeded)).thenRejected(.aborted)
    }

    @Test func `of success counts while the device waits for its next attempt`() {
        given.and(timedOut("a"), at: .noon).when(report("a", .succeeded)).then(succeeded("a", was: .scheduled))
    }
}

@Suite struct `A device that failed` {
    private let given = Spec.given(created(), firstGroup, notified("a", "b"))

    @Test func `fails for good with its last attempt`() {
        given.when(report("a", .failed, detail: "checksum")).then(failed("a"))
        given.and(failed("a"), at: .noon).and(retried("a"), at: .noon).and(notified("a", attempt: 2), at: .noon)
            .when(report("a", .failed, detail: "checksum")).then(failed("a", attempt: 2, isFinal: true))
    }

    @Test func `is tried again once for each attempt`() {
        let waiting = given.and(failed("a"), at: .noon)
        waiting.when(.retry(device: "a", attempt: 2)).then(retried("a"))
        waiting.when(.retry(device: "a", attempt: 3)).thenNothing()
        waiting.and(retried("a"), at: .noon).when(.retry(device: "a", attempt: 2)).thenNothing()
        given.when(.retry(device: "a", attempt: 2)).thenNothing()
    }

    @Test func `is given up by the attempt that is under way only`() {
        given.when(.timeOut(device: "a", attempt: 1)).then(timedOut("a"))
        given.when(.timeOut(device: "a", attempt: 2)).thenNothing()
        given.and(timedOut("a"), at: .noon).when(.timeOut(device: "a", attempt: 1)).thenNothing()
        given.and(succeeded("a"), at: .noon).when(.timeOut(device: "a", attempt: 1)).thenNothing()
    }
}

@Suite struct `A rollout` {
    private let running = Spec.given(created(), firstGroup)

    @Test func `is paused and resumed any number of times`() {
        running.when(.pause(reason: "lunch")).then(paused)
        running.when(.resume).thenNothing()
        let resting = running.and(paused, at: .noon)
        resting.when(.pause(reason: "tea")).thenNothing()
        resting.when(.resume).then(.resumed(RolloutResumed()))
    }

    @Test func `cancels what has not ended when it is aborted`() {
        running.and(succeeded("a"), at: .noon).when(.abort(reason: "bad"))
            .then(aborted, .devicesCancelled(RolloutDevicesCancelled(devices: ["b", "c"])))
        running.and(aborted, at: .noon).when(.abort(reason: "again")).thenNothing()
        running.and(aborted, at: .noon).when(.resume).thenRejected(.aborted)
    }

    @Test func `is finished when all devices have ended`() {
        let ended = running.and(secondGroup, at: .noon).and(succeeded("a"), at: .noon)
            .and(failed("b", isFinal: true), at: .noon)
        ended.when(.finish).thenRejected(.unfinished)
        let finished = ended.and(succeeded("c", group: 1), at: .noon)
        finished.when(.finish).then(.finished(RolloutFinished()))
        finished.and(.finished(RolloutFinished()), at: .noon).when(.finish).thenNothing()
        finished.and(.finished(RolloutFinished()), at: .noon).when(.pause(reason: "")).thenRejected(.finished)
    }
}
