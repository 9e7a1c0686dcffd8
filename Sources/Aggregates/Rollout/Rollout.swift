package import Runtime

extension Rollout {
    package enum Rejection: Error, Sendable, Equatable {
        /// Also the answer for a rollout of an account that the principal may not know of.
        case unknownRollout
        case alreadyCreated
        case notInRollout(device: String)
        /// The device's group is not open yet.
        case notOpened(device: String)
        /// The device has come to another end already.
        case deviceEnded(device: String, InstallationState)
        case groupOutOfOrder(next: Int)
        case paused
        case aborted
        case finished
        /// Some devices have not come to an end.
        case unfinished
        case malformed(field: String, reason: String)
    }

    package enum Status: String, Sendable, Codable, CaseIterable {
        case uncreated
        /// No group is open yet.
        case created
        case running
        case paused
        case aborted
        case finished
    }

    package struct State: Sendable, Codable, Equatable {
        package var status = Status.uncreated
        package var account = AccountID.default
        package var version = ""
        package var artifact = FirmwareArtifact(url: "", sha256: "")
        package var groupSize = 1
        package var attempts = 1
        package var openedGroups = 0
        package var devices = RolloutDevices()
        package var counts = InstallationCounts(scheduled: 0)
        /// Why it is paused or aborted; empty otherwise.
        package var reason = ""

        package init() {}

        /// How many devices, from the first of the plan, are in open groups.
        package var openedDevices: Int { min(openedGroups * groupSize, devices.count) }
    }

    package static let category = "rollout"
    package static let stateVersion: Int32 = 1
    package static var initial: State { State() }

    package static func account(of state: State) -> AccountID { state.account }

    /// A device has an id, its place, and how far it has come.
    package static func approximateHeapBytes(of state: State) -> Int { state.devices.count * 160 + 512 }

    /// Operators, the driver and the devices may each come by another server.
    package static let isWrittenByMany = true

    /// A snapshot holds every device, so that a large rollout has fewer of them: some twenty in its life.
    package static func snapshotInterval(for state: State) -> Int64 { Int64(max(100, state.devices.count / 4)) }

    package static func decide(
        _ command: Command, in state: State, context: CommandContext
    ) throws(Rejection) -> [Event] {
        if case .create(let plan) = command {
            guard state.status == .uncreated else { throw .alreadyCreated }
            guard context.scope.includes(plan.account) else { throw .unknownRollout }
            return try create(plan)
        }
        guard state.status != .uncreated, context.scope.includes(state.account) else { throw .unknownRollout }
        switch command {
        case .create: return []
        case .openGroup(let group): return try open(group, in: state)
        case .markNotified(let devices): return markNotified(devices, in: state)
        case .report(let report): return try take(report, in: state)
        case .retry(let device, let attempt): return retry(device, attempt, in: state)
        case .timeOut(let device, let attempt): return timeOut(device, attempt, in: state)
        case .pause(let reason):
            try checkGoesOn(state)
            return state.status == .paused ? [] : [.paused(RolloutPaused(reason: try checked(reason)))]
        case .resume:
            try checkGoesOn(state)
            return state.status == .paused ? [.resumed(RolloutResumed())] : []
        case .abort(let reason):
            if state.status == .aborted { return [] }
            try checkGoesOn(state)
            return try abort(reason, in: state)
        case .finish:
            if state.status == .finished { return [] }
            try checkGoesOn(state)
            if state.status == .paused { throw .paused }
            guard state.counts.ended == state.devices.count else { throw .unfinished }
            return [.finished(RolloutFinished())]
        }
    }

    package static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .created(let fact):
            state.status = .created
            state.account = fact.plan.account
            state.version = fact.plan.version
            state.artifact = fact.plan.artifact
            state.groupSize = fact.plan.groupSize
            state.attempts = fact.plan.attempts
            state.counts = InstallationCounts(scheduled: fact.deviceCount)
            state.devices.append(fact.plan.devices)
        case .devicesListed(let fact): state.devices.append(fact.devices)
        case .groupOpened(let fact):
            state.status = .running
            state.openedGroups = fact.group + 1
        case .devicesNotified(let fact):
            for device in fact.devices { state.move(device, to: .notified) }
        case .deviceProgressed(let fact): state.move(fact.device, to: fact.state)
        case .deviceSucceeded(let fact): state.move(fact.device, to: .succeeded)
        case .deviceFailed(let fact): state.end(fact.device, as: .failed, isFinal: fact.isFinal)
        case .deviceTimedOut(let fact): state.end(fact.device, as: .timedOut, isFinal: fact.isFinal)
        case .deviceRetried(let fact):
            guard let place = state.devices.place(of: fact.device) else { return }
            state.devices[place] = .init(attempt: fact.attempt)
        case .paused(let fact):
            state.status = .paused
            state.reason = fact.reason
        case .resumed:
            state.status = .running
            state.reason = ""
        case .aborted(let fact):
            state.status = .aborted
            state.reason = fact.reason
        case .devicesCancelled(let fact):
            for device in fact.devices { state.move(device, to: .cancelled) }
        case .finished: state.status = .finished
        }
    }

    /// - Throws: that the rollout has ended.
    private static func checkGoesOn(_ state: State) throws(Rejection) {
        switch state.status {
        case .created, .running, .paused: break
        case .aborted: throw .aborted
        case .finished: throw .finished
        case .uncreated: throw .unknownRollout
        }
    }

    private static func create(_ plan: RolloutPlan) throws(Rejection) -> [Event] {
        try plan.check()
        let parts = RolloutPlan.parts(of: plan.devices)
        var first = plan
        first.devices = parts[0]
        var events: [Event] = [.created(RolloutCreated(plan: first, deviceCount: plan.devices.count))]
        var listed = parts[0].count
        for part in parts.dropFirst() {
            events.append(.devicesListed(RolloutDevicesListed(first: listed, devices: part)))
            listed += part.count
        }
        return events
    }

    private static func open(_ group: Int, in state: State) throws(Rejection) -> [Event] {
        if group < state.openedGroups { return [] }
        try checkGoesOn(state)
        if state.status == .paused { throw .paused }
        let first = state.openedGroups * state.groupSize
        guard group == state.openedGroups, first < state.devices.count else {
            throw .groupOutOfOrder(next: state.openedGroups)
        }
        let count = min(state.groupSize, state.devices.count - first)
        return [.groupOpened(RolloutGroupOpened(group: group, first: first, count: count))]
    }

    /// The broker has what it has, also while the rollout is paused; a device that has spoken already is past that.
    private static func markNotified(_ devices: [String], in state: State) -> [Event] {
        guard state.status == .running || state.status == .paused else { return [] }
        var byAttempt: [Int: [String]] = [:]
        var seen: Set<String> = []
        for device in devices {
            guard let (_, entry) = try? state.opened(device), entry.state == .scheduled, !entry.awaitsRetry,
                seen.insert(device).inserted
            else { continue }
            byAttempt[entry.attempt, default: []].append(device)
        }
        return byAttempt.sorted { $0.key < $1.key }.flatMap { attempt, devices in
            RolloutPlan.parts(of: devices).map {
                .devicesNotified(RolloutDevicesNotified(devices: $0, attempt: attempt))
            }
        }
    }

    /// What a device says twice, or too late, changes nothing; what contradicts the end it has come to is refused.
    private static func take(_ report: FirmwareReport, in state: State) throws(Rejection) -> [Event] {
        if state.status == .aborted { throw .aborted }
        let (place, entry) = try state.opened(report.device)
        let group = place / state.groupSize
        func progress(to next: InstallationState) -> [Event] {
            guard next.follows(entry.state), !entry.awaitsRetry else { return [] }
            return [
                .deviceProgressed(
                    RolloutDeviceProgressed(
                        device: report.device, group: group, attempt: entry.attempt, was: entry.state, state: next))
            ]
        }
        func failure(_ reason: String) throws(Rejection) -> [Event] {
            if entry.state == .failed || entry.awaitsRetry { return [] }
            if entry.state.hasEnded { throw .deviceEnded(device: report.device, entry.state) }
            return [
                .deviceFailed(
                    RolloutDeviceFailed(
                        device: report.device, group: group, attempt: entry.attempt, was: entry.state, reason: reason,
                        isFinal: entry.attempt >= state.attempts))
            ]
        }
        switch report.status {
        case .downloading: return progress(to: .downloading)
        case .installing: return progress(to: .installing)
        case .failed: return try failure(report.detail ?? "the device reported a failure")
        case .succeeded where report.version != state.version:
            return try failure("the device fell back to version \(report.version)")
        case .succeeded:
            if entry.state == .succeeded { return [] }
            if entry.state.hasEnded { throw .deviceEnded(device: report.device, entry.state) }
            return [
                .deviceSucceeded(
                    RolloutDeviceSucceeded(
                        device: report.device, group: group, attempt: entry.attempt, was: entry.state))
            ]
        }
    }

    private static func retry(_ device: String, _ attempt: Int, in state: State) -> [Event] {
        guard state.status == .running || state.status == .paused, let (_, entry) = try? state.opened(device),
            entry.awaitsRetry, attempt == entry.attempt + 1
        else { return [] }
        return [.deviceRetried(RolloutDeviceRetried(device: device, attempt: attempt))]
    }

    private static func timeOut(_ device: String, _ attempt: Int, in state: State) -> [Event] {
        guard state.status == .running || state.status == .paused, let (place, entry) = try? state.opened(device),
            !entry.state.hasEnded, !entry.awaitsRetry, attempt == entry.attempt
        else { return [] }
        return [
            .deviceTimedOut(
                RolloutDeviceTimedOut(
                    device: device, group: place / state.groupSize, attempt: attempt, was: entry.state,
                    isFinal: attempt >= state.attempts))
        ]
    }

    private static func abort(_ reason: String, in state: State) throws(Rejection) -> [Event] {
        let open = state.devices.ids.indices.lazy.filter { !state.devices[$0].state.hasEnded }
        let cancelled = RolloutPlan.parts(of: open.map { state.devices.ids[$0] }).filter { !$0.isEmpty }
        return [.aborted(RolloutAborted(reason: try checked(reason)))]
            + cancelled.map { .devicesCancelled(RolloutDevicesCancelled(devices: $0)) }
    }

    private static func checked(_ reason: String) throws(Rejection) -> String {
        guard reason.utf8.count <= 500, !reason.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw .malformed(field: "reason", reason: "may have 500 bytes and no control characters") }
        return reason
    }
}

extension Rollout.State {
    /// - Throws: that the device is no part of the rollout, or not yet.
    package func opened(_ device: String) throws(Rollout.Rejection) -> (place: Int, entry: RolloutDevices.Entry) {
        guard let place = devices.place(of: device) else { throw .notInRollout(device: device) }
        guard place < openedDevices else { throw .notOpened(device: device) }
        return (place, devices[place])
    }

    fileprivate mutating func move(_ device: String, to next: InstallationState) {
        guard let place = devices.place(of: device) else { return }
        counts.move(from: devices[place].state, to: next)
        devices[place].state = next
        devices[place].awaitsRetry = false
    }

    fileprivate mutating func end(_ device: String, as state: InstallationState, isFinal: Bool) {
        move(device, to: isFinal ? state : .scheduled)
        if !isFinal, let place = devices.place(of: device) { devices[place].awaitsRetry = true }
    }
}
