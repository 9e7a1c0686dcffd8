import Foundation
import Support
import Testing

@testable import Simulator

@Suite(.timeLimit(.minutes(5))) struct `Against a server that` {
    private let store = FakeFleetlog(ids: (1...20).map { "d\($0)" })
    private let server: FakeServer

    init() throws {
        let store = store
        server = try FakeServer { store.answer($0) }
    }

    private func api(token: String = "good") -> FleetAPI {
        FleetAPI(server.url, token: token, patience: .seconds(20))
    }

    private func enrol(_ count: Int, file: FleetFile? = nil) async throws -> [Enrolment.Device] {
        try await Enrolment(api: api(), file: file, account: nil, roster: Roster(seed: 1), report: { _ in })
            .devices(count)
    }

    private func check(_ device: String, _ seqs: [Int64], firstSeq: Int64 = 1) -> StreamCheck {
        StreamCheck(
            DeviceOutcome(id: device, scenario: .normal, acknowledged: SeqSet(seqs), nextSeq: 100),
            firstSeq: firstSeq, after: 1)
    }

    private func verify(_ check: StreamCheck, patience: Duration = .milliseconds(300)) async throws -> ScenarioResult? {
        try await Verification(api: api(), patience: patience).run([check])[.normal]
    }

    @Test func `has everything, over many pages, the readings are found`() async throws {
        _ = try await enrol(1)
        for seq in 1...40 as ClosedRange<Int64> { store.store(seq, of: "d1") }
        let result = try await verify(check("d1", Array(1...30)))
        #expect(result == ScenarioResult(devices: 1, acknowledged: 30, found: 30))
    }

    @Test func `lost one and doubled another, both are noticed`() async throws {
        _ = try await enrol(1)
        for seq in [1, 2, 4, 5, 2] as [Int64] { store.store(seq, of: "d1") }
        let result = try await verify(check("d1", [1, 2, 3, 4]))
        #expect(result == ScenarioResult(devices: 1, acknowledged: 4, found: 3, missing: 1, doubled: 1))
        let report = SimulationReport(
            FleetCounts(), devices: 1, elapsed: .seconds(1), scenarios: [.normal: try #require(result)])
        #expect(!report.isSuccess)
        #expect(report.lines.last?.hasPrefix("FAILED") == true)
    }

    @Test func `took nothing, that is no success`() {
        var counts = FleetCounts()
        counts.messages = 100
        for scenarios in [nil, [ScenarioName.normal: ScenarioResult(devices: 1)]] {
            let report = SimulationReport(counts, devices: 1, elapsed: .seconds(1), scenarios: scenarios)
            #expect(report.verdict == .unheard && !report.isSuccess)
            #expect(report.lines.last?.hasPrefix("FAILED") == true)
        }
    }

    @Test func `is still behind, the stragglers are waited for`() async throws {
        _ = try await enrol(1)
        store.store(1, of: "d1")
        async let result = verify(check("d1", [1, 2]), patience: .seconds(20))
        // It has been looked for in vain.
        try await eventually { store.streamReads > 0 }
        store.store(2, of: "d1")
        #expect(try await result?.isExact == true)
    }

    @Test func `holds readings of an earlier run, those do not count`() async throws {
        _ = try await enrol(1)
        for seq in [5, 5, 9] as [Int64] { store.store(seq, of: "d1") }
        #expect(try await verify(check("d1", [9], firstSeq: 9))?.isExact == true)
    }

    @Test func `is busy, registration is tried again under the same key`() async throws {
        store.beBusy(3)
        let devices = try await enrol(1)
        #expect(devices.map(\.known.id) == ["d1"])
        #expect(store.keys.count == 1)
    }

    @Test func `lost the answer with the key, another device is registered`() async throws {
        store.forgetKeys(1)
        #expect(try await enrol(1).map(\.known.apiKey) == ["key-d1"])
        #expect(store.keys.count == 2)
    }

    @Test func `does not know the token, the error says which one to pass`() async throws {
        let enrolment = Enrolment(
            api: api(token: "bad"), file: nil, account: nil, roster: Roster(seed: 1), report: { _ in })
        let error = await #expect(throws: SimulationError.self) { _ = try await enrolment.devices(3) }
        #expect(error?.description.contains("admin token") == true)
    }

    @Test func `knows the fleet already, only missing devices are registered`() async throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let file = FleetFile(path: folder + "/fleet.json")
        _ = try await enrol(4, file: file)
        #expect(try await enrol(3, file: file).count == 3)
        #expect(store.registrations == 4)
        #expect(try file.load().count == 4)
        store.forget(device: "d2")
        #expect(Set(try await enrol(6, file: file).map(\.known.id)).count == 6)
        #expect(store.registrations == 7)
        #expect(try file.load().count == 6)
    }
}
