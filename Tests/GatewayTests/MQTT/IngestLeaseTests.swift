import Aggregates
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(2))) struct `Parked messages in Postgres` {
    private func message(_ number: Int64, device: String = "d1") -> ParkedMessage {
        ParkedMessage(
            device: device,
            received: ReceivedMessage(
                topic: "devices/\(device)/telemetry", payload: [0, 255, UInt8(number)], packetID: 9),
            stamp: DeliveryStamp(generation: 1, earlier: number == 1 ? [] : [3, 4], number: number),
            receivedTime: Timestamp(microseconds: 1_000 * number), reason: "overloaded")
    }

    @Test func `come back in order as they were stored`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool)
            let generations = try await GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
                .begin(sessionPresent: false)
            try await store.park([message(1), message(2), message(3, device: "d2")], under: generations.current)
            let queues = try await store.queues()
            #expect(queues["d1"] == ParkedQueue(count: 2, oldest: message(1).receivedTime))
            #expect(queues["d2"] == ParkedQueue(count: 1, oldest: message(3).receivedTime))
            let first = try await store.first(10, of: "d1")
            #expect(first.map(\.message.stamp) == [message(1).stamp, message(2).stamp])
            #expect(first.map(\.message.received.payload) == [[0, 255, 1], [0, 255, 2]])
            #expect(first.map(\.message.receivedTime) == [message(1).receivedTime, message(2).receivedTime])
            try await store.remove([first[0].id])
            #expect(try await store.queues().mapValues(\.count) == ["d1": 1, "d2": 1])
        }
    }

    @Test func `are refused from a server that was left behind`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool)
            let generationLog = GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
            let old = try await generationLog.begin(sessionPresent: false)
            let new = try await generationLog.begin(sessionPresent: true)
            #expect(new.open == [old.current])
            await #expect(throws: ParkingError.fenced) { try await store.park([message(1)], under: old.current) }
            #expect(try await store.queues().isEmpty)
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `Two servers on one broker and one database` {
    @Test func `ingest one after the other and lose nothing`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await PostgresLog.with { log in
            var pace = PostgresLease.Pace()
            pace.renewal = .milliseconds(100)
            let url = try DatabaseURL(log.database.serverURL)
            func lease(_ server: String) -> PostgresLease {
                PostgresLease(
                    .ingest, url: url, on: log.thread, server: server, logger: GatewayHarness.logger, pace: pace)
            }
            let directory = Directory<Device>(store: log.store, snapshots: log.snapshots)
            let thread = try PollThread(name: "publisher")
            defer { thread.shutdown() }
            try await GatewayHarness.with(
                broker: broker, store: log.store, lease: lease("a"), server: "a", directory: directory
            ) { first in
                let publisher = try await first.publisher()
                try await publisher.publish(Array(repeating: #"{"a":1}"#, count: 3_000), to: "devices/d1/telemetry")
                try await eventually { first.happenings.tally.recorded >= 1_000 }
            }
            let publisher = try await Publisher(to: broker.gatewayAddress, on: thread)
            try await publisher.publish(Array(repeating: #"{"a":1}"#, count: 1_000), to: "devices/d1/telemetry")
            try await GatewayHarness.with(
                broker: broker, store: log.store, devices: [], lease: lease("b"), server: "b",
                directory: Directory<Device>(store: log.store, snapshots: log.snapshots)
            ) { second in
                try await eventually { try await second.readings(of: "d1").count == 4_000 }
            }
        }
        await broker.remove()
    }
}
