import Foundation
import Runtime
import Support
import Testing

@testable import Aggregates

@Suite struct `A device's snapshot` {
    private typealias Body = SnapshotBody<Device.State>

    private let stream = StreamName(category: "device", id: "a")

    private func plain(_ memory: AggregateMemory<Device>) throws -> [UInt8] {
        let snapshot = try memory.snapshot(of: stream)
        return try LZ4.decompress(snapshot.data, size: snapshot.uncompressedSize)
    }

    /// As the hand-written reader has it; nil where that leaves it to Foundation.
    private func read(_ json: [UInt8]) -> Body? { json.withUnsafeBufferPointer(Device.snapshotBody) }

    private func memory(of state: Device.State, commands: Int) -> AggregateMemory<Device> {
        var recent = RecentCommands()
        for number in 0..<Int64(commands) {
            recent.note(
                UUID128(high: UInt64.max - UInt64(number), low: 0xfbff_0f3e_ff3f_eeff), version: number,
                position: number * 7,
                recordedTime: Timestamp(microseconds: number))
        }
        return AggregateMemory(state: state, version: 9, position: 77, recentCommands: recent)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `is read as Foundation reads it, or left to it`(_ seed: UInt64) throws {
        var random = SeededNumbers(seed)
        var readByHand = 0
        for commands in 0..<50 {
            let memory = memory(of: try Device.State.random(using: &random), commands: commands)
            if let body = read(try plain(memory)) {
                #expect(body.state == memory.state)
                #expect(body.position == memory.position)
                #expect(body.recentCommands == memory.recentCommands)
                readByHand += 1
            }
            #expect(AggregateMemory<Device>(try memory.snapshot(of: stream))?.state == memory.state)
        }
        #expect(readByHand > 0)
    }

    @Test func `is read by hand where nothing is unusual`() throws {
        var state = Device.State()
        (state.serial, state.name, state.type) = ("S-1", "Kitchen / left", DeviceType("smoke"))
        state.labels = ["floor": "3", "ä": "ö"]
        state.location = Location(latitude: 52.5, longitude: -13.25, text: "Hall")
        state.metadata = ["a": .list([.object(["}": .text("\"]")])])]
        state.keys = [Device.KeyStanding(number: 1), Device.KeyStanding(number: 2, expires: .init(microseconds: 5))]
        state.readings = [
            "t": LatestReading(value: .number(21.5), time: Timestamp(microseconds: 1_795_000_000_000_000))
        ]
        state.quarantine = .init(reason: "wet, \"very\"", since: Timestamp(microseconds: 1), before: .active)
        state.clock = try #require(DeviceClock(packed: [-5, 1, 2, 3, 4, 1, nil, nil, nil, nil]))
        state.sequence.insert(4)
        let issued = CommandIssued(command: "c1", name: "reset", expires: Timestamp(microseconds: 9))
        Device.evolve(&state, with: .commandIssued(issued), observedAt: Timestamp(microseconds: 3))
        let memory = memory(of: state, commands: 35)
        let body = try #require(read(try plain(memory)))
        #expect(body.state == state)
        #expect(body.position == 77)
        #expect(body.recentCommands == memory.recentCommands)
    }

    @Test(arguments: ["unknown", "missing", "twice", "cut", "more"])
    func `that is not as it is usually written is left to Foundation`(_ damage: String) throws {
        var json = String(decoding: try plain(memory(of: Device.State(), commands: 1)), as: UTF8.self)
        #expect(read(Array(json.utf8)) != nil)
        switch damage {
        case "unknown": json.replace(#""serial":"#, with: #""colour":"red","serial":"#)
        case "missing": json.replace(#""lateCount":0"#, with: #""claim":"x""#)
        case "twice": json.replace(#""serial":"""#, with: #""serial":"","serial":"x""#)
        case "cut": json.removeLast()
        default: json += "}"
        }
        #expect(read(Array(json.utf8)) == nil)
    }
}
