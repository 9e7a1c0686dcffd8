import Aggregates
import Gateway
import Runtime
import Testing

/// A broker and a log that do what the real ones do with packet ids, acknowledgements and command ids.
private struct Model {
    struct Delivery: Hashable { let generation: Int64, number: Int64 }

    struct Message { let number: Int, packetID: UInt16 }

    var random: any RandomNumberGenerator
    var published = 0
    var queue: [Message] = []
    var latest: DeliveryGenerations.Latest?
    /// The message that was stored under an id; two messages under one id means that one was lost.
    var stored: [Delivery: Int] = [:]
    var timesStored: [Int: Int] = [:]
    var lost: [Int] = []

    /// What the broker lets be under way at once.
    static let window = 4_000

    mutating func publish(_ count: Int) {
        for _ in 0..<count {
            queue.append(Message(number: published, packetID: UInt16(published % 65_535) + 1))
            published += 1
        }
    }

    mutating func begin() -> DeliveryGenerations {
        let open = DeliveryGenerations.openAtConnect(after: latest, sessionPresent: true)
        let number = (latest?.number ?? 0) + 1
        latest = .init(number: number, open: open)
        return DeliveryGenerations(current: number, open: open)
    }

    /// Reads up to `rounds` rounds; the last acknowledgement may not reach the broker.
    mutating func connect(rounds: Int, acknowledgesLast: Bool) {
        var generations = begin()
        for round in 0..<rounds {
            if generations.isFull {
                latest = .init(number: generations.current + 1, open: generations.openAtNext)
                generations.began(generations.current + 1)
            }
            let batch = queue.prefix(Int.random(in: 1...Self.window, using: &random))
            if batch.isEmpty { return }
            for message in batch { store(message, generations.stamp(packetID: message.packetID)) }
            if round < rounds - 1 || acknowledgesLast { queue.removeFirst(batch.count) }
        }
    }

    private mutating func store(_ message: Model.Message, _ stamp: DeliveryStamp) {
        // Every message has the same topic and content: only the delivery tells them apart.
        let id = Delivery(generation: stamp.generation, number: stamp.number)
        let earlier = stamp.earlier.map { Delivery(generation: $0, number: stamp.number) }
        if let known = ([id] + earlier).compactMap({ stored[$0] }).first {
            if known != message.number, timesStored[message.number] == nil { lost.append(message.number) }
            return
        }
        stored[id] = message.number
        timesStored[message.number, default: 0] += 1
    }
}

private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

@Suite struct `Messages without seq and ts` {
    @Test(arguments: 0..<3) func `count once, however connections end`(seed: UInt64) {
        var model = Model(random: SeededGenerator(state: seed))
        while model.published < 150_000 {
            model.publish(Int.random(in: 0...20_000, using: &model.random))
            // Up to five connections in a row that end before anything is acknowledged.
            for _ in 0..<Int.random(in: 0...5, using: &model.random) {
                model.connect(rounds: 1, acknowledgesLast: false)
            }
            model.connect(
                rounds: Int.random(in: 4...30, using: &model.random), acknowledgesLast: .random(using: &model.random))
            model.connect(rounds: 5, acknowledgesLast: true)
        }
        while !model.queue.isEmpty { model.connect(rounds: 50, acknowledgesLast: true) }
        #expect(model.lost.isEmpty)
        #expect(model.timesStored.count == model.published)
        #expect(model.timesStored.values.allSatisfy { $0 == 1 })
    }

    @Test(arguments: 0..<3) func `are never lost, even if hundreds of connections end early`(seed: UInt64) {
        var model = Model(random: SeededGenerator(state: seed &+ 1_000))
        while model.published < 200_000 {
            model.publish(Int.random(in: 0...3_000, using: &model.random))
            model.connect(
                rounds: .random(in: 1...3, using: &model.random), acknowledgesLast: .random(using: &model.random))
        }
        while !model.queue.isEmpty { model.connect(rounds: 50, acknowledgesLast: true) }
        #expect(model.lost.isEmpty)
        #expect(model.timesStored.count == model.published)
    }
}

@Suite struct `Generations of deliveries` {
    @Test func `are closed by enough messages on one connection`() {
        var generations = DeliveryGenerations(current: 9, open: [7, 8])
        #expect(generations.stamp(packetID: 1).earlier == [7, 8])
        for packetID in 2...UInt16(DeliveryGenerations.window) { _ = generations.stamp(packetID: packetID) }
        #expect(generations.stamp(packetID: UInt16(DeliveryGenerations.window) + 1).earlier.isEmpty)
        #expect(generations.isFull)
        #expect(generations.openAtNext == [9])
        generations.began(10)
        #expect(!generations.isFull)
        #expect(generations.stamp(packetID: 6_001) == DeliveryStamp(generation: 10, earlier: [], number: 6_001))
        #expect(generations.fence == StreamVersion(IngestStreams.generations, at: 10))
    }

    @Test func `are all closed when the broker has lost the session`() {
        let latest = DeliveryGenerations.Latest(number: 5, open: [3, 4])
        #expect(DeliveryGenerations.openAtConnect(after: latest, sessionPresent: true) == [3, 4, 5])
        #expect(DeliveryGenerations.openAtConnect(after: latest, sessionPresent: false).isEmpty)
        #expect(DeliveryGenerations.openAtConnect(after: nil, sessionPresent: true).isEmpty)
        let many = DeliveryGenerations.Latest(number: 50, open: [1, 2, 3, 4, 5, 6])
        #expect(DeliveryGenerations.openAtConnect(after: many, sessionPresent: true) == [2, 3, 4, 5, 6, 50])
    }

    @Test func `tell messages of QoS 0 apart, which have no packet id`() {
        var generations = DeliveryGenerations(current: 1, open: [])
        let first = generations.stamp(packetID: 0)
        let second = generations.stamp(packetID: 0)
        #expect(first != second)
        #expect(first.number < 0)
    }
}

@Suite struct `The identity of a message` {
    private func id(
        _ reading: Reading, device: String = "d", payload: String = "x", packetID: UInt16 = 1, generation: Int64 = 1,
        earlier: [Int64] = [], index: Int = 0
    ) -> (id: UUID128, earlier: [UUID128]) {
        let message = ReceivedMessage(
            topic: "devices/\(device)/telemetry", payload: Array(payload.utf8), packetID: packetID)
        let stamp = DeliveryStamp(generation: generation, earlier: earlier, number: Int64(packetID))
        return MessageIdentity(device: device, message: message, stamp: stamp).command(of: reading, at: index)
    }
    private let numbered = Reading(time: Timestamp(microseconds: 5), seq: 7, metrics: ["a": .number(1)])
    private let timed = Reading(time: Timestamp(microseconds: 5), metrics: ["a": .number(1)])
    private let bare = Reading(metrics: ["a": .number(1)])

    @Test func `is the device's number or time, whatever the delivery`() {
        for reading in [numbered, timed] {
            let first = id(reading)
            #expect(first == id(reading, packetID: 9, generation: 4, earlier: [2, 3]))
            #expect(first.earlier.isEmpty)
            #expect(first.id != id(reading, payload: "y").id)
            #expect(first.id != id(reading, device: "e").id)
            #expect(first.id != id(reading, index: 1).id)
        }
        #expect(id(numbered).id != id(timed).id)
    }

    @Test func `is the delivery if the device gave neither`() {
        let first = id(bare)
        #expect(first.id == id(bare).id)
        #expect(first.id != id(bare, packetID: 2).id)
        #expect(first.id != id(bare, generation: 2).id)
        #expect(first.id != id(bare, payload: "y").id)
        #expect(id(bare, generation: 2, earlier: [1]).earlier == [first.id])
    }
}
