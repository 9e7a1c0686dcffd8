import Glibc
import Runtime

/// A simulated fleet: registers its devices, lets them publish, and at the end reads back what was acknowledged.
package struct Simulation: Sendable {
    private let settings: SimulationSettings
    private let report: @Sendable (String) -> Void

    /// Runs for the settings' duration, or until the task is cancelled; then it still ends in order.
    ///
    /// - Parameter report: gets a line of text whenever there is something to tell: progress, and the summary.
    package static func run(
        _ settings: SimulationSettings, report: @escaping @Sendable (String) -> Void
    ) async throws(SimulationError) -> SimulationReport {
        try settings.check()
        return try await Simulation(settings: settings, report: report).run()
    }

    private func run() async throws(SimulationError) -> SimulationReport {
        try OpenFiles.allow(devices: settings.devices)
        let thread = try Self.makeThread()
        return try await thread.lend { () throws(SimulationError) in try await run(on: thread) }
    }

    private func run(on thread: PollThread) async throws(SimulationError) -> SimulationReport {
        let api = FleetAPI(settings.api, token: settings.token, patience: settings.patience * 2)
        let file = settings.stateFile.map { FleetFile(path: $0) }
        if let account = settings.ownAccount {
            do throws(SimulationError) {
                try await api.open(account)
            } catch .refused(_, let status, let detail) {
                // A server that knows no settings still has a fleet.
                report("the account \(account.id) is not set up as wished: \(status), \(detail)")
            }
        }
        let enrolment = Enrolment(
            api: api, file: file, account: settings.fleetAccount,
            roster: Roster(seed: settings.seed), report: report)
        let devices = try await enrolment.devices(settings.devices)
        let sequences = SequenceKeeper(file: file, devices: devices.map(\.known))
        try sequences.reserve(from: devices.map(\.known.nextSeq))

        let begun = ContinuousClock.now
        let fleet = FleetConnections(
            members(devices.map(\.known)), on: thread, host: settings.mqttHost, port: settings.mqttPort,
            rate: settings.rate)
        await fleet.start()
        if settings.rollsOut { await rollOut(to: devices.map(\.known.id), api) }
        let failure = await publish(fleet, sequences)
        // What was sent must still be acknowledged, read back and remembered when the simulation is cancelled.
        let ending = Task {
            try await finish(fleet, devices, api, sequences, elapsedSince: begun)
        }
        do {
            let outcome = try await ending.value
            if let failure { throw failure }
            return outcome
        } catch let error as SimulationError {
            throw error
        } catch {
            throw .cancelled
        }
    }

    private func members(_ devices: [FleetFile.Device]) -> [FleetMember] {
        let length = settings.storyLength ?? settings.duration ?? .seconds(20 * 60)
        let episode = Episode(start: .now() - length * settings.storyBegin, length: length)
        let scenarios = settings.mix.assign(to: devices.map(\.type))
        let random = SeededRandom(seed: settings.seed &+ 1)
        return devices.indices.map { index in
            let device = devices[index]
            return FleetMember(
                id: device.id, key: device.apiKey,
                device: SimulatedDevice(
                    device.type, scenarios[index], episode: episode, nextSeq: device.nextSeq,
                    random: random.derived(for: index)),
                firmware: DeviceFirmware(
                    FirmwareHabit(device: index, seed: settings.seed), pace: settings.firmwarePace,
                    random: random.derived(for: index + devices.count)))
        }
    }

    /// A fleet that cannot be rolled out to still has its readings to send.
    private func rollOut(to devices: [String], _ api: FleetAPI) async {
        do throws(SimulationError) {
            let id = try await api.createRollout(
                of: "sim-\(Timestamp.now().microseconds / 1_000_000)", to: devices, account: settings.fleetAccount)
            report("rollout \(id) brings new firmware to \(devices.count) devices")
        } catch {
            report("no firmware is rolled out: \(error)")
        }
    }

    /// Tells how it goes until time is up or the task is cancelled; returns why it ended early.
    private func publish(_ fleet: FleetConnections, _ sequences: SequenceKeeper) async -> SimulationError? {
        let begun = ContinuousClock.now
        let end = settings.duration.map { begun + $0 }
        var progress = Progress(devices: settings.devices)
        var nextSaving = begun + SequenceKeeper.interval
        while end.map({ .now < $0 }) ?? true {
            let next = ContinuousClock.now + settings.progressInterval
            do { try await Task.sleep(until: min(next, end ?? next), clock: .continuous) } catch { return nil }
            report(progress.line(await fleet.counts, after: .now - begun))
            guard .now >= nextSaving else { continue }
            nextSaving = .now + SequenceKeeper.interval
            do throws(SimulationError) {
                try sequences.reserve(from: await fleet.outcomes().map(\.nextSeq))
            } catch {
                return error
            }
        }
        return nil
    }

    private func finish(
        _ fleet: FleetConnections, _ devices: [Enrolment.Device], _ api: FleetAPI, _ sequences: SequenceKeeper,
        elapsedSince begun: ContinuousClock.Instant
    ) async throws -> SimulationReport {
        if settings.verifies { await fleet.drain(within: settings.patience) }
        let elapsed = ContinuousClock.now - begun
        let (counts, outcomes) = (await fleet.counts, await fleet.outcomes())
        await fleet.close()
        try sequences.save(outcomes.map(\.nextSeq))
        var scenarios: [ScenarioName: ScenarioResult]?
        var firmware = FirmwareResult()
        if settings.verifies {
            report("reading back \(counts.readings) acknowledged readings")
            scenarios = try await Verification(api: api, patience: settings.patience).run(
                zip(devices, outcomes).map { device, outcome in
                    StreamCheck(outcome, firstSeq: device.known.nextSeq, after: device.version)
                })
            firmware = try await FirmwareVerification(api: api, patience: settings.patience).run(outcomes)
        }
        let summary = SimulationReport(
            counts, devices: devices.count, elapsed: elapsed, scenarios: scenarios, firmware: firmware)
        for line in summary.lines { report(line) }
        return summary
    }

    private static func makeThread() throws(SimulationError) -> PollThread {
        do throws(SystemCallFailed) {
            return try PollThread(name: "sim-devices")
        } catch {
            throw .system("\(error.call) failed: \(String(cString: strerror(error.code)))")
        }
    }
}
