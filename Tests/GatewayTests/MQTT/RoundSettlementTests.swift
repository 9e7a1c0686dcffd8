import Aggregates
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(5))) struct `A message of a device with parked messages` {
    private let parking = InMemoryParkingStore()
    private let directory = Directory<Device>(store: InMemoryEventStore(), snapshots: InMemorySnapshotStore())
    private let parked: ParkedMessages
    private let settlement: RoundSettlement

    init() {
        let store = InMemoryEventStore()
        let firmware = FirmwareSettlement(
            rollouts: Directory<Rollout>(store: store, snapshots: InMemorySnapshotStore()), devices: directory,
            notices: NoNotices(), logger: GatewayHarness.logger, observe: { _ in })
        let receipts = Receipts(devices: directory, link: NoLink(), logger: GatewayHarness.logger)
        parked = ParkedMessages(
            store: parking, directory: directory, firmware: firmware, notices: NoNotices(), receipts: receipts,
            logger: GatewayHarness.logger)
        settlement = RoundSettlement(
            directory: directory, refusals: RefusalLog(store: store, logger: GatewayHarness.logger), parked: parked,
            firmware: firmware, notices: NoNotices(), receipts: receipts, logger: GatewayHarness.logger,
            observe: { _ in })
    }

    private func part(_ number: UInt16, _ generations: inout DeliveryGenerations) -> RoundPart {
        let payload = Array(#"{"seq":\#(number),"a":1}"#.utf8)
        return RoundPart(
            [ReceivedMessage(topic: "devices/d1/telemetry", payload: payload, packetID: number)], &generations,
            at: Timestamp(microseconds: Int64(number)))
    }

    @Test func `does not overtake one that is on its way to be parked, though all before it were applied`()
        async throws
    {
        try await directory.register("d1")
        var generations = DeliveryGenerations(current: 1, open: [])
        let first = try #require(part(1, &generations).messages.first)
        try await parked.park([ParkedMessage(first, reason: "overloaded")], under: generations.fence)
        let second = await settlement.start(part(2, &generations))
        #expect(second.parking.count == 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [parked] in await parked.applyUntilCancelled() }
            try await eventually("the first is applied") { parking.all.isEmpty }
            group.cancelAll()
        }
        let third = await settlement.start(part(3, &generations))
        #expect(third.open.isEmpty)
        for started in [second, third] { #expect(try await settlement.finish(started).parked == 1) }
        #expect(parking.all.map(\.stamp.number) == [2, 3])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [parked] in await parked.applyUntilCancelled() }
            try await eventually("nothing waits") { await parked.devices.isEmpty }
            group.cancelAll()
        }
        #expect(try await directory.recall("d1").state.telemetryCount == 3)
    }

    @Test func `is not waited for when its connection has gone`() async throws {
        var generations = DeliveryGenerations(current: 1, open: [])
        let lost = try #require(part(1, &generations).messages.first)
        await parked.expect([ParkedMessage(lost, reason: "earlier messages are parked")])
        #expect(await parked.devices == ["d1"])
        await parked.expectNone()
        #expect(await parked.devices.isEmpty)
    }
}

private struct NoNotices: NoticeSink {
    func send(_ notice: Notice, to device: String) {}
}
