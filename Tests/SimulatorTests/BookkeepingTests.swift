import Foundation
import Runtime
import Support
import Testing

@testable import Simulator

@Suite struct `A set of sequence numbers` {
    @Test func `joins neighbours and knows what is missing`() {
        var set = SeqSet([1, 2, 3, 7])
        #expect(set.ranges == [1...3, 7...7])
        let isNew = [5, 2, 4, 6].map { set.insert($0) }
        #expect(isNew == [true, false, true, true])
        #expect(set.ranges == [1...7])
        #expect(set.count == 7)
        #expect(set.count(missingIn: SeqSet([2, 3])) == 5)
    }

    @Test func `agrees with a plain set`() {
        var random = SeededRandom(seed: 3)
        let seqs = (0..<2_000).map { _ in Int64.random(in: 1...900, using: &random) }
        let set = SeqSet(seqs)
        #expect(set.count == Set(seqs).count)
        #expect((0...901).allSatisfy { set.contains($0) == Set(seqs).contains($0) })
    }
}

@Suite struct `Recorded latencies` {
    @Test func `give quantiles within a few percent`() {
        var latencies = Latencies()
        for number in 1...10_000 { latencies.record(.microseconds(number)) }
        #expect(abs(latencies.quantile(0.5) / .microseconds(5_000) - 1) < 0.07)
        #expect(abs(latencies.quantile(0.99) / .microseconds(9_900) - 1) < 0.07)
        #expect(Latencies().quantile(0.5) == .zero)
    }
}

@Suite struct `A device's outbox` {
    private func message(_ seq: Int64) -> Message { Message([Reading(time: .now(), seq: seq, metrics: [])]) }

    private func publishAll(_ outbox: inout Outbox, from packetID: Int32 = 1) -> [Int64] {
        var (seqs, packetID): ([Int64], Int32) = ([], packetID)
        while let item = outbox.next {
            outbox.published(as: packetID, at: .now)
            seqs += item.message.seqs
            packetID += 1
        }
        return seqs
    }

    @Test func `hands out no more than the window`() {
        var outbox = Outbox()
        for seq in 1...20 as ClosedRange<Int64> { _ = outbox.add(message(seq)) }
        let first = publishAll(&outbox)
        #expect(first == Array(1...16))
        let answered = [outbox.settle(3), outbox.settle(3)].map { $0?.message.seqs }
        #expect(answered == [[3], nil])
        let next = publishAll(&outbox, from: 17)
        #expect(next == [17])
    }

    @Test func `hands out again, in order, what no connection saw acknowledged`() {
        var outbox = Outbox()
        for seq in 1...18 as ClosedRange<Int64> { _ = outbox.add(message(seq)) }
        _ = publishAll(&outbox)
        _ = outbox.settle(2)
        let lost = outbox.connectionLost()
        #expect(lost == 15)
        #expect(outbox.count == 17)
        let again = publishAll(&outbox)
        #expect(again == [1] + Array(3...17))
    }

    @Test func `drops the oldest when it is full`() {
        var outbox = Outbox()
        for seq in 1...Int64(Outbox.capacity) { _ = outbox.add(message(seq)) }
        let fits = outbox.add(message(0))
        #expect(!fits)
        #expect(outbox.count == Outbox.capacity)
        #expect(outbox.next?.message.seqs == [2])
    }
}

@Suite struct `The fleet's file` {
    @Test func `is for its owner only and reads as it was written`() throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let file = FleetFile(path: folder + "/fleet.json")
        #expect(try file.load().isEmpty)
        let devices = [FleetFile.Device(id: "d1", apiKey: "secret", type: .water, nextSeq: 9)]
        try file.save(devices)
        try file.save(devices)
        #expect(try file.load() == devices)
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `says what to do if it is something else`() throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        try Data("[]".utf8).write(to: URL(fileURLWithPath: folder + "/fleet.json"))
        let error = #expect(throws: SimulationError.self) { try FleetFile(path: folder + "/fleet.json").load() }
        #expect(error?.description.contains("remove it") == true)
    }
}

@Suite struct `The settings` {
    @Test func `refuse more devices than the cap, naming it`() {
        var settings = SimulationSettings(
            api: URL(filePath: "/"), token: "", mqttHost: "", mqttPort: 1, devices: 11, rate: 1)
        settings.maxDevices = 10
        let error = #expect(throws: SimulationError.self) { try settings.check() }
        #expect(error?.description.contains("FLEETLOG_SIMULATE_MAX_DEVICES") == true)
    }
}
