import Aggregates
import Foundation
import Runtime
import Support
import Testing
import Workflows

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A device's configuration` {
    @Test func `is found by the device whenever it comes, and what it reports is recorded`() async throws {
        try await ConfiguredFleet.with { fleet in
            try await fleet.running { harness in
                try await harness.desire(#"{"interval":60}"#)
                try await eventually { try await harness.retained() == #"{"config":{"interval":60},"version":1}"# }
                try await harness.publisher().publish(
                    [#"{"version":1,"config":{"interval":30},"error":"too slow"}"#], to: "devices/d1/config/reported")
                try await eventually { harness.happenings.tally.recorded == 1 }
                let configuration = try await harness.directory.recall("d1").state.configuration
                #expect(configuration.reported?.error == "too slow")
                #expect(
                    configuration.differences == [
                        .init(path: "/interval", desired: .number(60), reported: .number(30))
                    ])
                try await harness.desire(#"{"interval":45}"#)
                try await eventually { try await harness.retained() == #"{"config":{"interval":45},"version":2}"# }
            }
        }
    }

    @Test func `that was changed while nobody delivered is delivered by the next server`() async throws {
        try await ConfiguredFleet.with { fleet in
            try await fleet.running { harness in try await harness.desire(#"{"a":1}"#) }
            // Nobody rings for it, and nobody has seen it.
            try await fleet.directory.desire(["a": .number(2)])
            try await fleet.running { harness in
                try await eventually { try await harness.retained() == #"{"config":{"a":2},"version":2}"# }
            }
        }
    }

    @Test func `that the broker has lost is delivered again with the next connection`() async throws {
        try await ConfiguredFleet.with { fleet in
            try await fleet.running { harness in
                try await harness.desire(#"{"a":1}"#)
                try await eventually { try await harness.retained() != nil }
                try await harness.publisher().retain("", at: "devices/d1/config")
                #expect(try await harness.retained() == nil)
            }
            try await fleet.running { harness in
                try await eventually { try await harness.retained() == #"{"config":{"a":1},"version":1}"# }
            }
        }
    }

    @Test func `waits for a device that cannot be read, and the others get theirs`() async throws {
        try await ConfiguredFleet.with { fleet in
            try await fleet.directory.register("d2")
            for device in ["d1", "d2"] { try await fleet.directory.desire(["a": .number(1)], of: device) }
            let store = PoisonableStore(fleet.log.store)
            store.poison(StreamName(category: "device", id: "d2"))
            let outbox = PostgresConfigurationOutbox(pool: fleet.log.pool)
            try await fleet.running(store) { harness in
                try await eventually { try await outbox.waiting(10, except: []).map(\.id) == ["d2"] }
                #expect(try await harness.retained() == #"{"config":{"a":1},"version":1}"#)
            }
            #expect(try await outbox.waiting(10, except: ["d2"]).isEmpty)
        }
    }

    @Test(arguments: [
        "", "{}", #"{"config":[]}"#, #"{"config":{},"version":"1"}"#, #"{"config":{},"error":"a\u0001"}"#,
    ]) func `that cannot be understood is refused and noted`(payload: String) async throws {
        try await GatewayHarness.with { harness in
            try await harness.publisher().publish([payload], to: "devices/d1/config/reported")
            try await eventually { harness.happenings.tally.malformed == 1 }
            #expect(try await harness.events(of: "d1").last?.type == "MessageRefused")
        }
    }
}

/// A device in Postgres and a broker, for several servers one after the other.
private struct ConfiguredFleet: Sendable {
    let log: PostgresLog
    let broker: ThrowawayBroker
    let directory: Directory<Device>

    static func with(_ body: @Sendable (ConfiguredFleet) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let fleet = ConfiguredFleet(
                log: log, broker: try await ThrowawayBroker.start(),
                directory: Directory(store: log.store, snapshots: InMemorySnapshotStore()))
            try await fleet.directory.register("d1")
            try await body(fleet)
            await fleet.broker.remove()
        }
    }

    /// - Parameter store: by which the server reads the log, if not as it is.
    func running(
        _ store: PoisonableStore? = nil, _ body: @escaping @Sendable (GatewayHarness) async throws -> Void
    ) async throws {
        try await GatewayHarness.with(
            broker: broker, store: log.store, devices: [],
            directory: store.map { Directory(store: $0, snapshots: InMemorySnapshotStore()) } ?? directory,
            configurations: (PostgresConfigurationOutbox(pool: log.pool), Bell()), body)
    }
}

extension Directory where D == Device {
    /// As HTTP does it.
    fileprivate func desire(_ config: [String: JSONValue], of device: String = "d1") async throws {
        try await send(
            CommandEnvelope(
                id: .v7(), .desireConfiguration(config, ifVersion: nil),
                context: CommandContext(time: .now(), principal: .user("ada"), scope: .all),
                sideRows: [PostgresConfigurationOutbox.change(of: device)]), to: device)
    }
}

extension GatewayHarness {
    fileprivate func desire(_ config: String) async throws {
        try await directory.desire(try JSONDecoder().decode([String: JSONValue].self, from: Data(config.utf8)))
    }

    /// What a device finds that comes now; nil if nothing is retained.
    fileprivate func retained() async throws -> String? {
        let end = "devices/d1/end-\(UInt32.random(in: 0 ... .max))"
        let device = try await Publisher(
            to: broker.gatewayAddress, topics: ["devices/d1/config", end], retained: true, on: thread)
        // What is retained comes before what is published after it.
        try await device.publish(["end"], to: end)
        var found: String?
        while true {
            for message in try await device.receive() {
                if message.topic == end { return found }
                found = String(decoding: message.payload, as: UTF8.self)
            }
        }
    }
}
