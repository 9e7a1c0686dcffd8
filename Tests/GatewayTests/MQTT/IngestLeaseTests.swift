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
            let store = PostgresParkingStore(pool: log.pool, log: log.store)
            let generations = try await GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
                .begin(sessionPresent: false)
            try await store.park([message(1), message(2), message(3, device: "d2")], under: generations.fence)
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

    @Test func `are stored once, however often the answer to that is lost`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool, log: log.store)
            let generations = try await GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
                .begin(sessionPresent: false)
            for _ in 1...3 {
                try await store.park([message(1), message(2, device: "d2"), message(3)], under: generations.fence)
            }
            try await store.park([message(4)], under: generations.fence)
            #expect(try await store.queues().mapValues(\.count) == ["d1": 3, "d2": 1])
            #expect(try await store.first(10, of: "d1").map(\.message.stamp.number) == [1, 3, 4])
        }
    }

    @Test func `share the commit of the events that are on their way`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool, log: log.store)
            let generations = try await GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
                .begin(sessionPresent: false)
            let holder = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: GatewayHarness.logger)
            var round: Int64 = 0
            try await eventually("they travel together") {
                round += 1
                let message = message(round)
                let (first, second) = (try event(of: "ahead-\(round)"), try event(of: "beside-\(round)"))
                try await holder.runScript("begin; select position from log_head for update")
                async let ahead = log.store.append(first)
                try await eventually("the batch ahead waits for the head") {
                    try await log.texts(
                        """
                        select count(*)::text from pg_stat_activity
                        where datname = current_database() and wait_event_type = 'Lock'
                        """) == ["1"]
                }
                async let beside = log.store.append(second)
                async let parking: Void = store.park([message], under: generations.fence)
                try await holder.runScript("commit")
                _ = try await (ahead, beside, parking)
                return try await log.texts(
                    """
                    select xmin::text from events where stream = 'beside-\(round)'
                    union select xmin::text from parked_messages where delivery_number = \(round)
                    """
                ).count == 1
            }
            await holder.close()
        }
    }

    private func event(of stream: String) throws -> Append {
        let event = NewEvent(
            id: .v7(), type: "Noted", observedTime: .now(), data: Array("{}".utf8),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        return Append([StreamChange(try #require(StreamName(stream)), expecting: 0, events: [event])])
    }

    @Test func `are refused from a server that was left behind`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool, log: log.store)
            let generationLog = GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
            let old = try await generationLog.begin(sessionPresent: false)
            let new = try await generationLog.begin(sessionPresent: true)
            #expect(new.open == [old.current])
            await #expect(throws: ParkingError.fenced) { try await store.park([message(1)], under: old.fence) }
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
