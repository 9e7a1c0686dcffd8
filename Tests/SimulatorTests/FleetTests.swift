import Foundation
import Installation
import Runtime
import Support
import Synchronization
import Testing

@testable import Simulator

@Suite(.serialized, .timeLimit(.minutes(3))) struct `A simulated fleet on a real broker` {
    private static let ids = (1...20).map { "d\($0)" }

    @Test func `plays all scenarios, is verified, and goes on after a restart`() async throws {
        let store = FakeFleetlog(ids: Self.ids)
        let server = try FakeServer { store.answer($0) }
        let folder = try ThrowawayFolder.make()
        let broker = try await TestBroker.start(devices: Self.ids) { device, seqs in
            for seq in seqs { store.storeOnce(seq, of: device) }
        }
        var settings = settings(server, broker)
        settings.stateFile = folder + "/fleet.json"
        let lines = Mutex<[String]>([])
        let report: @Sendable (String) -> Void = { line in lines.withLock { $0.append(line) } }

        let first = try await Simulation.run(settings, report: report)
        #expect(first.verdict == .exact, "\(first.lines)")
        #expect(first.scenarios.count == ScenarioName.allCases.count)
        #expect(first.acknowledged == first.messages)
        #expect(first.p99 > .zero)
        #expect(lines.withLock { $0.last?.hasPrefix("Verified") } == true)

        let second = try await Simulation.run(settings, report: report)
        #expect(second.verdict == .exact, "\(second.lines)")
        #expect(second.total.acknowledged > 0)
        #expect(store.registrations == Self.ids.count)
        await broker.remove()
        server.stop()
        ThrowawayFolder.remove(folder)
    }

    @Test func `says so if the store lost an acknowledged reading`() async throws {
        let store = FakeFleetlog(ids: Self.ids)
        let server = try FakeServer { store.answer($0) }
        let broker = try await TestBroker.start(devices: Self.ids) { device, seqs in
            for seq in seqs where seq != 3 { store.storeOnce(seq, of: device) }
        }
        var settings = settings(server, broker)
        settings.patience = .seconds(1)
        let report = try await Simulation.run(settings) { _ in }
        #expect(report.verdict == .wrong)
        #expect(report.total.missing > 0)
        #expect(report.total.doubled == 0)
        await broker.remove()
        server.stop()
    }

    @Test func `ends in order when it is cancelled`() async throws {
        let store = FakeFleetlog(ids: Self.ids)
        let server = try FakeServer { store.answer($0) }
        let broker = try await TestBroker.start(devices: Self.ids) { device, seqs in
            for seq in seqs { store.storeOnce(seq, of: device) }
        }
        var settings = settings(server, broker)
        settings.duration = nil
        let (lines, says) = AsyncStream<String>.makeStream()
        let simulation = Task { [settings] in try await Simulation.run(settings) { says.yield($0) } }
        for await line in lines where line.contains("20/20 online") && !line.contains(" 0 acknowledged") { break }
        simulation.cancel()
        let report = try await simulation.value
        #expect(report.verdict == .exact && report.total.acknowledged > 0, "\(report.lines)")
        await broker.remove()
        server.stop()
    }

    @Test func `connects again after the broker is killed and sends what was not acknowledged`() async throws {
        let received = Mutex<[String: Set<Int64>]>([:])
        let broker = try await TestBroker.start(devices: Self.ids) { device, seqs in
            received.withLock { $0[device, default: []].formUnion(seqs) }
        }
        let thread = try PollThread(name: "sim-test")
        let fleet = FleetConnections(
            members(), on: thread, host: broker.broker.address, port: broker.broker.port, rate: 1_000)
        await fleet.start()
        try await eventually { await fleet.counts.acknowledged > 200 }

        // Stopped first, so that there is something in flight when it dies.
        let process = await broker.broker.broker.process.running
        try #require(process).send(SIGSTOP)
        try await eventually { await fleet.counts.outstanding > 100 }
        await broker.broker.kill()
        try await eventually { await fleet.counts.online == 0 }
        try await broker.restart()
        try await eventually(within: .seconds(60)) {
            let counts = await fleet.counts
            return counts.online == Self.ids.count && counts.resent > 0
        }
        await fleet.drain(within: .seconds(60))
        let (counts, outcomes) = (await fleet.counts, await fleet.outcomes())
        await fleet.close()
        #expect(counts.outstanding == 0)
        #expect(counts.acknowledged == counts.messages)
        for outcome in outcomes {
            #expect(outcome.acknowledged == SeqSet(1..<outcome.nextSeq))
        }
        // All devices' numbers come through, but for those that the killed broker took to its grave.
        let last = outcomes.map { ($0.id, $0.nextSeq - 1) }
        try await eventually {
            received.withLock { received in last.allSatisfy { received[$0]?.contains($1) == true } }
        }
        thread.shutdown()
        await broker.remove()
    }

    @Test func `keeps what the broker takes while nobody is subscribed`() async throws {
        let deaf = try await ThrowawayBroker.start()
        let thread = try PollThread(name: "sim-test")
        let member = FleetMember(
            id: BrokerFiles.gatewayUser, key: deaf.files.gatewayPassword, device: members()[0].device,
            firmware: members()[0].firmware)
        let fleet = FleetConnections([member], on: thread, host: deaf.address, port: deaf.port, rate: 100)
        await fleet.start()
        try await eventually { await fleet.counts.unheard > 0 }
        #expect(await fleet.counts.acknowledged == 0)
        await fleet.close()
        thread.shutdown()
        await deaf.remove()
    }

    private func members() -> [FleetMember] {
        let episode = Episode(start: .now(), length: .seconds(60))
        return Self.ids.enumerated().map { index, id in
            FleetMember(
                id: id, key: "key-\(id)",
                device: SimulatedDevice(
                    .temperature, .normal, episode: episode, nextSeq: 1, random: SeededRandom(seed: UInt64(index))),
                firmware: DeviceFirmware(.normal, pace: 0, random: SeededRandom(seed: UInt64(index))))
        }
    }

    private func settings(_ server: FakeServer, _ broker: TestBroker) -> SimulationSettings {
        var settings = SimulationSettings(
            api: server.url, token: "good", mqttHost: broker.broker.address, mqttPort: broker.broker.port,
            devices: Self.ids.count, rate: 400)
        settings.duration = .seconds(2)
        settings.progressInterval = .milliseconds(50)
        return settings
    }
}
