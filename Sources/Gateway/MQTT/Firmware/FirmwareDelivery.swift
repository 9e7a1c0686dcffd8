import Aggregates
import Crypto
import Foundation
import Logging
import Metrics
import Runtime

/// Carries the rollouts' firmware messages to the broker, and takes them away again when devices have ended.
///
/// It follows the log from a checkpoint that moves when everything before it has been done. What it does, it does by
/// the state of the rollout as it is then, not as it was: a rollout that has been paused meanwhile is left alone until
/// it is resumed, and a device that was notified before a crash is not notified twice.
struct FirmwareDelivery: Sendable {
    /// Devices that the broker is told of before the rollout is looked at again.
    private static let batch = 500

    let log: any LogSource
    let rollouts: Directory<Rollout>
    let devices: Directory<Device>
    let ledger: any FirmwareLedger
    let link: any DevicePublishing
    let logger: Logger

    func runUntilCancelled() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        while !Task.isCancelled {
            do {
                try await follow { backoff.reset() }
            } catch {
                if Task.isCancelled { return }
                logger.warning("Firmware waits to be delivered", metadata: ["reason": "\(String(reflecting: error))"])
            }
            if (try? await Task.sleep(for: backoff.next())) == nil { return }
        }
    }

    /// Returns if another server has moved the checkpoint.
    private func follow(_ progressed: () -> Void) async throws {
        let filter = LogFilter(category: Rollout.category, scope: .all)
        let subscription = Subscription(to: log, where: filter, pageSize: 200)
        var position = try await ledger.position()
        while !Task.isCancelled {
            // Who departs does so by an event, with which the next page ends.
            try await withdraw()
            let page = try await subscription.page(after: position)
            if page.end == position { continue }
            let works = works(of: page.events)
            for (rollout, work) in works { try await carryOut(work, of: rollout) }
            guard try await ledger.move(from: position, to: page.end) else { return }
            Failpoint.reached(.firmwareMoved, if: !works.isEmpty)
            position = page.end
            progressed()
        }
    }

    /// What a page asks for, rollout by rollout in the order in which they appear.
    private func works(of events: [RecordedEvent]) -> [(rollout: String, work: FirmwareWork)] {
        var works: [(rollout: String, work: FirmwareWork)] = []
        var places: [String: Int] = [:]
        for event in events {
            let rollout = event.stream.id
            let place = places[rollout] ?? works.count
            if place == works.count {
                places[rollout] = place
                works.append((rollout, FirmwareWork()))
            }
            do throws(EventCodecError) {
                works[place].work.add(try Rollout.codec.decode(event))
            } catch {
                // One event that this program cannot read must not hold the other rollouts back.
                logger.error(
                    "An event of a rollout cannot be read",
                    metadata: ["rollout": "\(rollout)", "position": "\(event.position)", "reason": "\(error)"])
            }
        }
        return works
    }

    private func carryOut(_ work: FirmwareWork, of rollout: String) async throws {
        var start: Int? = 0
        var places: [Int] = []
        while let next = start {
            guard let state = try await state(of: rollout) else { return }
            if next == 0 { places = work.due(in: state) }
            let due = places.dropFirst(next).prefix(Self.batch).filter { state.awaitsDelivery(at: $0) }
            if !due.isEmpty { try await deliver(due, of: rollout, state) }
            start = next + Self.batch < places.count ? next + Self.batch : nil
            record(state, of: rollout)
        }
        for devices in work.ended.chunks(of: Self.batch) {
            let held = try await ledger.held(devices, by: rollout)
            if held.isEmpty { continue }
            try await link.publish(held.map { .noFirmware(for: $0) })
            Failpoint.reached(.firmwareEnded)
            try await ledger.release(held, by: rollout)
            Failpoint.reached(.firmwareReleased)
        }
    }

    private func deliver(_ places: [Int], of rollout: String, _ state: Rollout.State) async throws {
        let due = places.map { state.devices.ids[$0] }
        let excluded = try await excluded(due, from: state.account)
        let devices = due.filter { excluded[$0] == nil }
        try await ledger.hold(devices, by: rollout)
        Failpoint.reached(.firmwareHeld, if: !devices.isEmpty)
        try await link.publish(devices.map { .firmware(for: $0, of: rollout, state) })
        Failpoint.reached(.firmwarePublished, if: !devices.isEmpty)
        let attempts = places.map { "\(state.devices.ids[$0]):\(state.devices[$0].attempt)" }
        try await send(.markNotified(due), to: rollout, as: attempts)
        Failpoint.reached(.firmwareNotified)
        for place in places {
            guard let reason = excluded[state.devices.ids[place]] else { continue }
            try await report(reason, of: place, in: rollout, state)
        }
    }

    /// Takes the message away from devices that have left the account, or take no part, since they were given it. They are
    /// looked at behind every delivery, so that none that departs meanwhile is overlooked.
    private func withdraw() async throws {
        while !Task.isCancelled {
            let departures = try await ledger.departures(Self.batch)
            if departures.isEmpty { return }
            let holders = Dictionary(grouping: departures.filter { $0.rollout != nil }) { $0.rollout ?? "" }
            for (rollout, departures) in holders.sorted(by: { $0.key < $1.key }) {
                guard let state = try await state(of: rollout) else { continue }
                let excluded = try await excluded(departures.map(\.device), from: state.account)
                let gone = excluded.keys.sorted()
                try await link.publish(gone.map { .noFirmware(for: $0) })
                Failpoint.reached(.withdrawalPublished, if: !gone.isEmpty)
                for device in gone {
                    guard let place = state.devices.place(of: device), let reason = excluded[device] else { continue }
                    try await report(reason, of: place, in: rollout, state)
                }
                Failpoint.reached(.withdrawalReported, if: !gone.isEmpty)
                try await ledger.release(gone, by: rollout)
                Failpoint.reached(.withdrawalReleased, if: !gone.isEmpty)
            }
            try await ledger.settle(departures)
            Failpoint.reached(.withdrawalSettled)
        }
    }

    /// Reports for a device that the attempt has failed.
    private func report(
        _ reason: String, of place: Int, in rollout: String, _ state: Rollout.State
    ) async throws {
        let device = state.devices.ids[place]
        let report = FirmwareReport(device: device, status: .failed, version: "", detail: reason)
        try await send(.report(report), to: rollout, as: ["gone", "\(device):\(state.devices[place].attempt)"])
    }

    /// Devices that get nothing, and why: those that were moved, quarantined or retired since the rollout began, since what
    /// is another account's gets nothing of this one; and those that cannot be read, which must not hold the others back.
    private func excluded(_ due: [String], from account: AccountID) async throws -> [String: String] {
        var excluded: [String: String] = [:]
        for device in due {
            do throws(DispatchError<Device.Rejection>) {
                let state = try await devices.recallLatest(device).state
                if state.account != account || ![.provisioned, .active].contains(state.status) {
                    excluded[device] = "the device is no longer the account's, or takes no part"
                }
            } catch {
                guard case .broken(let reason) = error else { throw error }
                logger.error("A device cannot be read", metadata: ["device": "\(device)", "reason": "\(reason)"])
                excluded[device] = "the device cannot be read"
            }
        }
        return excluded
    }

    private func send(_ command: Rollout.Command, to rollout: String, as parts: [String]) async throws {
        let envelope = CommandEnvelope<Rollout.Command>(
            id: Self.commandID(rollout, parts), command,
            context: CommandContext(time: .now(), principal: .system, scope: .all))
        do throws(DispatchError<Rollout.Rejection>) {
            try await rollouts.send(envelope, to: rollout)
        } catch {
            guard case .rejected = error else { throw error }
        }
    }

    /// The rollout as the log has it now; nil if it cannot be read.
    private func state(of rollout: String) async throws -> Rollout.State? {
        do throws(DispatchError<Rollout.Rejection>) {
            return try await rollouts.recall(rollout).state
        } catch {
            guard case .broken(let reason) = error else { throw error }
            logger.error("A rollout cannot be read", metadata: ["rollout": "\(rollout)", "reason": "\(reason)"])
            return nil
        }
    }

    private func record(_ state: Rollout.State, of rollout: String) {
        Gauge(label: "firmware_rollout_progress", dimensions: [("rollout", rollout)])
            .record(Double(state.counts.succeeded) / Double(max(1, state.devices.count)))
    }

    /// The same for the same attempts of the same devices, so that a repetition is recognised.
    private static func commandID(_ rollout: String, _ attempts: [String]) -> UUID128 {
        let text = "firmware delivery\n\(rollout)\n\(attempts.joined(separator: "\n"))"
        return SHA256.hash(data: Data(text.utf8)).withUnsafeBytes { digest in
            // Version 8: a UUID of a form of our own.
            UUID128(
                high: digest.load(as: UInt64.self).bigEndian & ~0xf000 | 0x8000,
                low: digest.load(fromByteOffset: 8, as: UInt64.self).bigEndian & ~(3 << 62) | 1 << 63)
        }
    }
}

/// What the events of a page ask for in one rollout.
struct FirmwareWork: Sendable {
    /// Places in the plan.
    private var openedPlaces: [Range<Int>] = []
    private var retried: [String] = []
    private var isResumed = false
    private(set) var ended: [String] = []

    mutating func add(_ event: Rollout.Event) {
        switch event {
        case .groupOpened(let fact): openedPlaces.append(fact.first..<fact.first + fact.count)
        case .deviceRetried(let fact): retried.append(fact.device)
        case .resumed: isResumed = true
        case .deviceSucceeded(let fact): ended.append(fact.device)
        case .deviceFailed(let fact): if fact.isFinal { ended.append(fact.device) }
        case .deviceTimedOut(let fact): if fact.isFinal { ended.append(fact.device) }
        case .devicesCancelled(let fact): ended += fact.devices
        case .created, .devicesListed, .devicesNotified, .deviceProgressed, .paused, .aborted, .finished: break
        }
    }

    /// The places of the devices that may be due, in the order of the plan; after a pause any device may be.
    func due(in state: Rollout.State) -> [Int] {
        if isResumed { return Array(0..<state.openedDevices) }
        return Set(openedPlaces.joined()).union(retried.compactMap { state.devices.place(of: $0) }).sorted()
    }
}

extension Rollout.State {
    fileprivate func awaitsDelivery(at place: Int) -> Bool {
        status == .running && place < openedDevices && devices[place].state == .scheduled
            && !devices[place].awaitsRetry
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
