import Aggregates
import Foundation
import Runtime
import Support
import Testing
import Workflows

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(3))) struct `A command on its way to a device` {
    @Test func `is found by the device whenever it comes, until it has acknowledged it`() async throws {
        try await CommandedFleet.with { fleet in
            try await fleet.running { harness in
                try await fleet.issue("a", timeout: 600, arguments: ["speed": .number(3)])
                try await eventually { try await harness.open() == ["a"] }
                try await fleet.issue("b", timeout: 900)
                try await eventually { try await harness.open() == ["a", "b"] }
                try await eventually { try await fleet.statuses() == ["a": .sent, "b": .sent] }
                let device = try await harness.publisher()
                try await device.report(#"{"id":"a","state":"acknowledged"}"#)
                try await eventually { try await harness.open() == ["b"] }
                try await device.report(#"{"id":"a","state":"succeeded","result":{"volts":3.5}}"#)
                try await device.report(#"{"id":"b","state":"failed","error":"jammed"}"#)
                try await eventually { try await fleet.statuses() == ["a": .succeeded, "b": .failed] }
                try await eventually { try await harness.open().isEmpty }
                let commands = try await fleet.directory.recall("d1").state.commands
                #expect(commands["a"]?.outcome?.result == .object(["volts": .number(3.5)]))
                #expect(commands["b"]?.outcome?.error == "jammed")
            }
        }
    }

    @Test func `is handed out by the broker no more when its time has passed, though no server is there`() async throws
    {
        try await CommandedFleet.with { fleet in
            try await fleet.running { harness in
                try await fleet.issue("short", timeout: 8)
                try await fleet.issue("long", timeout: 600)
                try await eventually { try await harness.open() == ["short", "long"] }
            }
            let thread = try PollThread(name: "test-device")
            defer { thread.shutdown() }
            let end = try #require(try await fleet.directory.recallLatest("d1").state.commands["short"]).expires
            try await eventually("the broker drops it", every: .milliseconds(100)) {
                try await fleet.broker.open(on: thread).isEmpty
            }
            #expect(Timestamp.now() <= end, "it was handed out too long")
            try await fleet.running { harness in try await eventually { try await harness.open() == ["long"] } }
        }
    }

    @Test func `is issued to a server that delivers nothing, and delivered by the next`() async throws {
        try await CommandedFleet.with { fleet in
            try await fleet.issue("a", timeout: 600)
            try await fleet.running { harness in
                try await eventually { try await harness.open() == ["a"] }
                try await harness.publisher().retain("", at: "devices/d1/commands")
                #expect(try await harness.open().isEmpty)
            }
            // The broker has lost it, and gets it again with the next connection.
            try await fleet.running { harness in
                try await eventually { try await harness.open() == ["a"] }
                try await fleet.send(.cancelCommand(id: "a", reason: ""))
                try await eventually { try await harness.open().isEmpty }
            }
        }
    }

    @Test func `waits again when another is over, and when a broker is new that may hold it`() async throws {
        try await CommandedFleet.with { fleet in
            let outbox = PostgresCommandOutbox(pool: fleet.log.pool)
            try await fleet.issue("a", timeout: 600)
            let now = Timestamp.now()
            let waiting = try await outbox.waiting(at: now, 9)
            #expect(waiting == [WaitingDevice("d1", revision: 1)])
            try await outbox.delivered(waiting.map { DeliveredCommands($0, due: now + .seconds(60)) })
            #expect(try await outbox.waiting(at: now + .seconds(59), 9).isEmpty)
            #expect(try await outbox.waiting(at: now + .seconds(60), 9) == waiting)
            // All are acknowledged, but the broker may have lost that they were taken back.
            try await outbox.delivered(waiting.map { DeliveredCommands($0, due: nil) })
            try await outbox.startAgain(at: now + .seconds(60))
            #expect(try await outbox.waiting(at: now + .seconds(60), 9).isEmpty)
            try await outbox.startAgain(at: now + .seconds(59))
            #expect(try await outbox.waiting(at: now + .seconds(59), 9) == waiting)
        }
    }

    @Test func `that nobody issued is refused when a device reports on it`() async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher(topics: ["devices/d1/notices"])
            try await device.report(#"{"id":"none","state":"acknowledged"}"#)
            let notice = try #require(try await device.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains("there is no such command"))
            try await eventually { harness.happenings.tally.refused == 1 }
        }
    }

    @Test(arguments: [
        "", "[]", #"{"id":"a"}"#, #"{"id":"a","state":"sent"}"#, #"{"id":"a","state":"failed","error":"a\u0001"}"#,
    ]) func `is not changed by a report that cannot be understood, which is noted`(payload: String) async throws {
        try await GatewayHarness.with { harness in
            try await harness.publisher().report(payload)
            try await eventually { harness.happenings.tally.malformed == 1 }
            #expect(try await harness.events(of: "d1").last?.type == "MessageRefused")
        }
    }
}

/// A device in Postgres and a broker, for several servers one after the other.
private struct CommandedFleet: Sendable {
    let log: PostgresLog
    let broker: ThrowawayBroker
    let directory: Directory<Device>
    let bell = Bell()

    static func with(_ body: @Sendable (CommandedFleet) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let fleet = CommandedFleet(
                log: log, broker: try await ThrowawayBroker.start(),
                directory: Directory(store: log.store, snapshots: InMemorySnapshotStore()))
            try await fleet.directory.register("d1")
            try await body(fleet)
            await fleet.broker.remove()
        }
    }

    func running(_ body: @escaping @Sendable (GatewayHarness) async throws -> Void) async throws {
        try await GatewayHarness.with(
            broker: broker, store: log.store, devices: [], directory: directory,
            commands: (PostgresCommandOutbox(pool: log.pool), bell), body)
    }

    func issue(_ id: String, timeout: Int, arguments: [String: JSONValue] = [:]) async throws {
        try await send(
            .issueCommand(
                DeviceCommandRequest(id: id, name: "turn", arguments: arguments, timeout: .seconds(timeout))))
    }

    /// As HTTP does it.
    func send(_ command: Device.Command) async throws {
        try await directory.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: .now(), principal: .user("ada"), scope: .all),
                sideRows: [PostgresCommandOutbox.change(of: "d1")]), to: "d1")
        bell.ring()
    }

    func statuses() async throws -> [String: DeviceCommand.Status] {
        let all = try await directory.recall("d1").state.commands.all
        return Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0.status) })
    }
}

extension Publisher {
    fileprivate func report(_ payload: String) async throws {
        try await publish([payload], to: "devices/d1/commands/status")
    }
}

extension GatewayHarness {
    fileprivate func open() async throws -> [String] { try await broker.open(on: thread) }
}

extension ThrowawayBroker {
    /// The ids of the commands that a device finds that comes now.
    fileprivate func open(on thread: PollThread) async throws -> [String] {
        struct Message: Decodable {
            struct Command: Decodable { var id: String }
            var commands: [Command]
        }
        let end = "devices/d1/end-\(UInt32.random(in: 0 ... .max))"
        let device = try await Publisher(
            to: gatewayAddress, topics: ["devices/d1/commands", end], retained: true, on: thread)
        // What is retained comes before what is published after it.
        try await device.publish(["end"], to: end)
        var found: [String] = []
        while true {
            for message in try await device.receive() {
                if message.topic == end { return found }
                if message.payload.isEmpty { continue }
                found = try JSONDecoder().decode(Message.self, from: Data(message.payload)).commands.map(\.id)
            }
        }
    }
}
