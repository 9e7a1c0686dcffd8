import Aggregates
import Gateway
import Logging
import Runtime
import Support
import Synchronization
import Testing

private let sick = StreamName(category: "device", id: "d7")

@Suite(.serialized, .timeLimit(.minutes(3))) struct `A device whose stream cannot be read, over Postgres` {
    private let devices = (1...20).map { "d\($0)" }

    /// A fleet that sleeps; its directory gives a sick device another chance each second.
    fileprivate func directory(_ store: any EventStore, _ log: PostgresLog) async throws -> Directory<Device> {
        let registrar = Directory<Device>(store: store, snapshots: log.snapshots)
        for device in devices { try await registrar.register(device) }
        return sleeping(store, log)
    }

    fileprivate func sleeping(_ store: any EventStore, _ log: PostgresLog) -> Directory<Device> {
        var policy = SupervisionPolicy()
        policy.limit = .milliseconds(500)
        policy.pause = .seconds(1)
        return Directory<Device>(
            store: store, snapshots: log.snapshots, supervision: policy, logger: GatewayHarness.logger)
    }

    fileprivate func readings(_ range: ClosedRange<Int>) -> [(String, [UInt8])] {
        range.flatMap { number in devices.map { ("devices/\($0)/telemetry", Array("{\"a\":\(number)}".utf8)) } }
    }

    fileprivate func values(_ events: [RecordedEvent]) -> [String] {
        events.map { String(decoding: $0.data, as: UTF8.self) }
    }

    @Test func `has its messages parked, the others theirs committed, and all of them in order and once`() async throws
    {
        try await PostgresLog.with { log in
            let store = PoisonableStore(log.store)
            let parking = FaultyParkingStore(PostgresParkingStore(pool: log.pool, log: log.store), failing: .reading)
            let directory = try await directory(store, log)
            store.poison(sick)
            try await GatewayHarness.with(store: store, devices: [], directory: directory, parking: parking) {
                harness in
                let publisher = try await harness.publisher()
                try await publisher.publish(readings(1...10))
                try await eventually { harness.happenings.tally.messages == 200 }
                #expect(harness.happenings.tally.parked == 10)
                #expect(harness.happenings.tally.recorded == 190)
                store.heal()
                try await eventually("the device is well") { (try? await harness.directory.recall("d7")) != nil }
                // It could take these, but its earlier ones come first.
                try await publisher.publish(readings(11...12))
                try await eventually { harness.happenings.tally.messages == 240 }
                #expect(try await parking.queues().mapValues(\.count) == ["d7": 12])
                parking.recover()
                try await eventually(within: .seconds(60)) { try await parking.queues().isEmpty }
                try await publisher.publish(readings(13...13))
                try await eventually { try await harness.readings(of: "d7").count == 13 }
                let healed = try await values(harness.readings(of: "d7"))
                #expect(healed == values(try await harness.readings(of: "d8")))
                #expect(healed.enumerated().allSatisfy { $1.contains("\"a\":\($0 + 1)}") })
            }
        }
    }

    @Test func `leaves nothing parked behind when the server is killed right after the commit`() async throws {
        try await PostgresLog.with { log in
            let store = PoisonableStore(log.store)
            let parking = PostgresParkingStore(pool: log.pool, log: log.store)
            let directory = try await directory(store, log)
            store.poison(sick)
            let dying = FaultyParkingStore(parking, failing: .removing)
            try await GatewayHarness.with(store: store, devices: [], directory: directory, parking: dying) { harness in
                try await harness.publisher().publish(readings(1...1))
                try await eventually { harness.happenings.tally.messages == 20 }
                store.heal()
                // Nothing but the transaction of the events can have removed it.
                try await eventually(within: .seconds(60)) { try await parking.queues().isEmpty }
                #expect(try await harness.readings(of: "d7").count == 1)
                // Nor does it count any longer, once its row is known to be gone.
                dying.recover()
                try await publish(from: 2, untilNoneIsParkedBy: harness)
            }
        }
    }

    @Test func `counts its messages once when the server is killed before it acknowledges them`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await PostgresLog.with { log in
            let store = PoisonableStore(log.store)
            let parking = PostgresParkingStore(pool: log.pool, log: log.store)
            let directory = try await directory(store, log)
            store.poison(sick)
            let topic = "devices/d7/telemetry"
            let dying = FaultyParkingStore(parking, failing: .answeringToParking)
            try await GatewayHarness.with(
                broker: broker, store: store, devices: [], directory: directory, parking: dying
            ) { harness in
                // The sick one's come first, so that they are in the first round, however small that is.
                let all = readings(1...5)
                try await harness.publisher().publish(all.filter { $0.0 == topic } + all.filter { $0.0 != topic })
                // All of them, or those of the round's first part: the rest waits behind the answer that never comes.
                try await eventually { try await parking.queues()["d7"] != nil }
                #expect(harness.happenings.tally.messages == 0)
            }
            try await GatewayHarness.with(
                broker: broker, store: store, devices: [], server: "s2", directory: sleeping(store, log),
                parking: parking
            ) { harness in
                try await eventually { harness.happenings.tally.messages == 100 }
                store.heal()
                try await eventually(within: .seconds(60)) { try await parking.queues().isEmpty }
                for device in ["d7", "d8"] {
                    let values = try await values(harness.readings(of: device))
                    #expect(values.count == 5, "\(device)")
                    #expect(values.enumerated().allSatisfy { $1.contains("\"a\":\($0 + 1)}") }, "\(device)")
                }
            }
        }
        await broker.remove()
    }
}

extension `A device whose stream cannot be read, over Postgres` {
    @Test func `has what a server parked that was just being left, though it was not counted at first`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await PostgresLog.with { log in
            let store = PoisonableStore(log.store)
            let parking = PostgresParkingStore(pool: log.pool, log: log.store)
            let directory = try await directory(store, log)
            store.poison(sick)
            try await GatewayHarness.with(
                broker: broker, store: store, devices: [], directory: directory, parking: parking
            ) { harness in
                try await harness.publisher().publish(readings(1...1))
                try await eventually { harness.happenings.tally.messages == 20 }
            }
            store.heal()
            let late = FaultyParkingStore(parking, failing: .countingInTime)
            try await GatewayHarness.with(
                broker: broker, store: store, devices: [], server: "s2", directory: sleeping(store, log), parking: late
            ) { harness in
                try await harness.publisher().publish(readings(2...2))
                try await eventually(within: .seconds(60)) { try await harness.readings(of: "d7").count == 2 }
                let values = try await values(harness.readings(of: "d7"))
                #expect(values.enumerated().allSatisfy { $1.contains("\"a\":\($0 + 1)}") }, "\(values)")
            }
        }
        await broker.remove()
    }

    /// One reading of each device after the other, from the one of this number on.
    fileprivate func publish(from first: Int, untilNoneIsParkedBy harness: GatewayHarness) async throws {
        var number = first
        try await eventually(within: .seconds(60)) {
            let parked = harness.happenings.tally.parked
            try await harness.publisher().publish(readings(number...number))
            try await eventually { harness.happenings.tally.messages == number * 20 }
            number += 1
            return harness.happenings.tally.parked == parked
        }
    }

    @Test func `is not parked for good by a message that the log can never take`() async throws {
        try await PostgresLog.with { log in
            let store = PoisonableStore(log.store)
            let parking = PostgresParkingStore(pool: log.pool, log: log.store)
            let directory = try await directory(store, log)
            store.poison(sick)
            try await GatewayHarness.with(store: store, devices: [], directory: directory, parking: parking) {
                harness in
                let publisher = try await harness.publisher()
                // No text of Postgres holds a null character.
                try await publisher.publish([
                    ("devices/d7/telemetry", Array(#"{"a":1}"#.utf8)),
                    ("devices/d7/config/reported", Array(#"{"config":{"a":"\u0000"}}"#.utf8)),
                    ("devices/d7/telemetry", Array(#"{"a":2}"#.utf8)),
                ])
                try await eventually { harness.happenings.tally.parked == 3 }
                store.heal()
                try await eventually(within: .seconds(60)) { try await parking.queues().isEmpty }
                let types = try await harness.events(of: "d7").map(\.type)
                #expect(types == ["DeviceRegistered", "TelemetryRecorded", "MessageRefused", "TelemetryRecorded"])
            }
        }
    }

    @Test func `is not parked for good by a count that is too high`() async throws {
        try await PostgresLog.with { log in
            let directory = try await directory(log.store, log)
            let parking = FaultyParkingStore(
                PostgresParkingStore(pool: log.pool, log: log.store), failing: .countingRight)
            try await GatewayHarness.with(store: log.store, devices: [], directory: directory, parking: parking) {
                harness in
                try await publish(from: 1, untilNoneIsParkedBy: harness)
            }
        }
    }
}

/// A store of which one thing does not work until it recovers, as if its server died there.
private final class FaultyParkingStore: ParkingStore {
    enum Fault: Sendable {
        case reading, removing
        /// Nothing is found to be parked the first time somebody asks.
        case countingInTime
        /// One message too many is counted.
        case countingRight
        /// The messages are parked all the same.
        case answeringToParking
    }

    private let inner: PostgresParkingStore
    private let fault: Mutex<Fault?>

    init(_ inner: PostgresParkingStore, failing fault: Fault) {
        self.inner = inner
        self.fault = Mutex(fault)
    }

    func recover() { fault.withLock { $0 = nil } }

    private func fail(_ place: Fault) throws(ParkingError) {
        if fault.withLock({ $0 == place }) { throw .unavailable(reason: "it fails here") }
    }

    func park(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(ParkingError) {
        try await inner.park(messages, under: fence)
        try fail(.answeringToParking)
    }

    func queues() async throws(ParkingError) -> [String: ParkedQueue] {
        let fault = fault.withLock { fault in
            defer { if fault == .countingInTime { fault = nil } }
            return fault
        }
        switch fault {
        case .countingInTime: return [:]
        case .countingRight: return ["d7": ParkedQueue(count: 1, oldest: .now())]
        default: return try await inner.queues()
        }
    }

    func first(_ limit: Int, of device: String) async throws(ParkingError) -> [(id: Int64, message: ParkedMessage)] {
        try fail(.reading)
        return try await inner.first(limit, of: device)
    }

    func remove(_ ids: [Int64]) async throws(ParkingError) {
        try fail(.removing)
        try await inner.remove(ids)
    }

    func removal(of id: Int64) -> SideRow? { inner.removal(of: id) }
}
