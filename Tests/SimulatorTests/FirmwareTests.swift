import Foundation
import Installation
import Runtime
import Support
import Testing

@testable import Simulator

private typealias Report = DeviceFirmware.Report

private let message = Array(#"{"artifact":{},"rollout":"r1","version":"2.0"}"#.utf8)

@Suite struct `A simulated device that is told to install firmware` {
    private func said(_ habit: FirmwareHabit, times: Int = 1) -> [String] {
        var firmware = DeviceFirmware(habit, pace: 1, random: SeededRandom(seed: 1))
        return (0..<times).flatMap { _ in
            firmware.received(message).filter { firmware.performs($0.report) }
                .map { "\($0.report.status) \($0.report.version)" }
        }
    }

    @Test func `does what its habit says`() {
        let normal = ["downloading 2.0", "installing 2.0", "succeeded 2.0"]
        #expect(said(.normal) == normal)
        #expect(said(.reportsTwice) == normal.flatMap { [$0, $0] })
        #expect(said(.stumbles, times: 2) == ["downloading 2.0", "failed 2.0"] + normal)
        #expect(said(.fails, times: 2).filter { $0 == "failed 2.0" }.count == 2)
        #expect(said(.hangs, times: 2) == ["downloading 2.0"])
        #expect(said(.fallsBack).last == "succeeded 1.0")
    }

    @Test func `says at once that it runs a version that it runs`() {
        var firmware = DeviceFirmware(.normal, pace: 1, random: SeededRandom(seed: 1))
        for step in firmware.received(message) { _ = firmware.performs(step.report) }
        #expect(firmware.version == "2.0")
        let again = firmware.received(message)
        #expect(again.map(\.report.status) == [.succeeded] && again.first?.delay == .zero)
    }

    @Test func `leaves off when the message is taken back`() {
        var firmware = DeviceFirmware(.normal, pace: 1, random: SeededRandom(seed: 1))
        let steps = firmware.received(message)
        #expect(firmware.received(message).isEmpty)
        #expect(firmware.received([]).isEmpty)
        #expect(!steps.contains { firmware.performs($0.report) })
        #expect(firmware.received(Array("no JSON".utf8)).isEmpty)
    }

    @Test func `is one of five that is not normal, by the seed`() {
        let habits = (0..<50).map { FirmwareHabit(device: $0, seed: 7) }
        #expect(habits.filter { $0 != .normal }.count == 10)
        #expect(Set(habits) == Set(FirmwareHabit.allCases))
        #expect(habits != (0..<50).map { FirmwareHabit(device: $0, seed: 8) })
        for start in stride(from: 3, to: 45, by: 5) {
            #expect(habits[start..<start + 5].filter { $0 != .normal }.count == 1)
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A simulated rollout on a real broker` {
    /// Few enough that all of them succeed, one of them saying so twice.
    private static let ids = (1...5).map { "d\($0)" }

    /// The fleet's rollout over a server that has of each device what `installation` says.
    private func run(_ installation: @escaping @Sendable (Int) -> String) async throws -> SimulationReport {
        let store = FakeFleetlog(ids: Self.ids)
        let server = try FakeServer { store.answer($0) }
        let broker = try await TestBroker.start(devices: Self.ids) { device, seqs in
            for seq in seqs { store.storeOnce(seq, of: device) }
        }
        for device in Self.ids { try broker.retain(String(decoding: message, as: UTF8.self), for: device) }
        for (index, device) in Self.ids.enumerated() { store.setInstallation(installation(index), of: device) }
        var settings = SimulationSettings(
            api: server.url, token: "good", mqttHost: broker.broker.address, mqttPort: broker.broker.port,
            devices: Self.ids.count, rate: 50)
        settings.duration = .seconds(3)
        settings.patience = .seconds(1)
        settings.rollsOut = true
        settings.firmwarePace = 0.01
        settings.seed = 0
        let report = try await Simulation.run(settings) { _ in }
        await broker.remove()
        server.stop()
        return report
    }

    @Test func `is verified by what the server has of each device`() async throws {
        let report = try await run { _ in "succeeded" }
        #expect(report.verdict == .exact, "\(report.lines)")
        #expect(report.firmware == FirmwareResult(reported: 5, contradicted: 0))
    }

    @Test func `is found out if the server has a success as something else`() async throws {
        let report = try await run { $0 < 3 ? "downloading" : "succeeded" }
        #expect(report.verdict == .wrong)
        #expect(report.firmware == FirmwareResult(reported: 5, contradicted: 3))
        #expect(report.lines.last?.hasPrefix("FAILED: the server contradicts 3 of 5") == true)
    }
}
