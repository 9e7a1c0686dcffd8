import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A check before a deployment` {
        struct Result: Decodable {
            struct Kind: Decodable {
                var category: String, type: String, schemaVersion: Int
                var events: Int, read: Int, failed: Int, position: Int, problem: String?
            }

            var ok: Bool, streams: Int, kinds: [Kind]
            var broken: [Kind] { kinds.filter { $0.problem != nil } }
        }

        @Test func `reads what a server has written, and names what it could not`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                try await api.configure(#"{"overheating":{"limit":10,"n":1,"seconds":0}}"#)
                _ = try await Load.during(on: system, api: api) { _ in try await system.growth(by: 100) }
                let gateway = try await system.connectAsGateway()
                try await gateway.report(1, of: "nobody-knows-it")
                try await gateway.report(80, of: try await api.register("hot").id)
                try await eventually("an alert is raised") {
                    try await system.number("alerts", "select count(*) from events where type = 'AlertRaised'") > 0
                }
                try await eventually("a refusal is noted") {
                    try await system.number("refusals", "select count(*) from events where type = 'MessagesRefused'")
                        > 0
                }
                let good = try await check(system)
                let categories = Set(good.kinds.map(\.category))
                guard good.ok, good.streams > 5, good.kinds.allSatisfy({ $0.read >= 1 && $0.failed == 0 }),
                    categories.subtracting(["access"])
                        == ["account", "administration", "alert", "device", "ingest", "runner", "workflow"]
                else { throw Wrong("of what the server wrote it says \(good)") }

                await server.kill()
                let head = try await system.head
                try await append("device-odd", "FromTheFuture", 1, system)
                try await append("device-odd", "TelemetryRecorded", 9, system)
                try await append("spaceship-one", "Launched", 1, system)
                let bad = try await check(system)
                let named = bad.broken.map { "\($0.category) \($0.type) \($0.schemaVersion) \($0.position)" }
                guard !bad.ok,
                    Set(named) == [
                        "device FromTheFuture 1 \(head + 1)", "device TelemetryRecorded 9 \(head + 2)",
                        "spaceship Launched 1 \(head + 3)",
                    ]
                else { throw Wrong("it names \(named)") }
                let text = try await Executable.output(["check", "--database-url", system.database.serverURL])
                guard !text.succeeded, text.text.contains("WOULD BREAK: spaceship Launched, schema version 1, 1 events")
                else { throw Wrong("as text it says \(text.text)") }
            }
        }

        @Test func `reads what the first version of the program has written`() async throws {
            try await TestedSystem.with { system in
                let stored = [
                    ("DeviceRegistered", #"{"account":"default","labels":{},"name":"n","serial":"s","type":"smoke"}"#),
                    ("TelemetryRecorded", #"{"clock":"server","metrics":{"temperature":20.5}}"#),
                    ("DeviceUpdated", #"{"labels":{"a":"b"}}"#), ("DeviceAssigned", #"{"account":"default"}"#),
                    ("MessageRefused", #"{"bytes":1,"reason":"r","sha256":"00","topic":"t"}"#),
                    ("DeviceRetired", #"{"reason":""}"#),
                ]
                for (type, data) in stored { try await append("device-old", type, 1, system, data) }
                let result = try await check(system)
                let kinds = result.kinds.filter { $0.category == "device" }
                guard result.ok, kinds.count == stored.count, result.kinds.allSatisfy({ $0.read == 1 }) else {
                    throw Wrong("of old events it says \(result)")
                }
            }
        }

        private func append(
            _ stream: String, _ type: String, _ schemaVersion: Int, _ system: TestedSystem, _ data: String = "{}"
        ) async throws {
            _ = try await system.texts(
                "append what a newer program writes",
                """
                with head as (
                    update log_head set position = position + 1, recorded_time = now() returning position)
                insert into events (
                    position, stream, category, version, id, type, schema_version, account, observed_time,
                    recorded_time, principal, command_id, data)
                select position, $1, split_part($1, '-', 1),
                    (select coalesce(max(version), 0) + 1 from events where stream = $1), gen_random_uuid(), $2,
                    $3::int, 'default', now(), now(), 'system', gen_random_uuid(), $4::json
                from head returning type
                """, [.text(stream), .text(type), .int4(Int32(schemaVersion)), .text(data)])
        }

        private func check(_ system: TestedSystem) async throws -> Result {
            let output = try await Executable.output(
                ["check", "--json", "--database-url", system.database.serverURL])
            return try JSONDecoder().decode(Result.self, from: Data(output.text.utf8))
        }
    }
}
