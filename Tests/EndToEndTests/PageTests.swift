import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `The page` {
        @Test(.enabled(if: Browser.isInstalled, "needs chromium, chromium-driver and python3-selenium"))
        func `works in a real browser, with a hundred devices reporting`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let fleet = try await register(system.api(server))
                try await harm(system, system.api(server))
                let reader = try await Executable.run(
                    ["token", "create", "reader", "--role", "reader", "--database-url", system.database.serverURL])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await keepReporting(fleet, on: system) }
                    let output = try await Browser.run(
                        "page_test.py",
                        [
                            "http://127.0.0.1:\(server.port)", system.token,
                            reader.trimmingCharacters(in: .whitespacesAndNewlines), "\(system.broker.port)",
                        ])
                    group.cancelAll()
                    guard output.succeeded else { throw Wrong("\(output.text)\n\(output.errors)") }
                }
            }
        }

        @Test(.enabled(if: Browser.isInstalled, "needs chromium, chromium-driver and python3-selenium"))
        func `tells what is true when much comes at once, views trail, and others fill the log`() async throws {
            let output = try await Browser.run("overview_test.py", [])
            guard output.succeeded else { throw Wrong("\(output.text)\n\(output.errors)") }
        }

        private func register(_ api: API) async throws -> [API.Device] {
            try await withThrowingTaskGroup(of: API.Device.self) { group in
                for number in 1...120 {
                    let place = ["Flat", "Stairs", "Cellar", "Roof"][number % 4]
                    group.addTask { try await api.register("\(place) \(number)") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        /// Gives one device an event that no program of today can read, and another a row that is not what the log says.
        private func harm(_ system: TestedSystem, _ api: API) async throws {
            let (poisoned, altered) = (try await api.register("Attic clock"), try await api.register("Attic lamp"))
            try await system.viewsCaughtUp()
            _ = try await system.texts(
                "append what a newer program writes",
                """
                with head as (
                    update log_head set position = position + 1 returning position, recorded_time)
                insert into events (
                    position, stream, category, version, id, type, schema_version, account, observed_time,
                    recorded_time, principal, command_id, data)
                select position, $1, 'device', 2, gen_random_uuid(), 'DeviceUpgraded', 1, 'default', recorded_time,
                    recorded_time, 'system', gen_random_uuid(), '{}'
                from head returning type
                """, [.text("device-\(poisoned.id)")])
            _ = try await system.texts(
                "alter a row", "update devices set name = 'Altered by hand' where id = $1 returning name",
                [.text(altered.id)])
        }

        private func keepReporting(_ fleet: [API.Device], on system: TestedSystem) async throws {
            var connections: [MQTTConnection] = []
            for device in fleet { connections.append(try await system.connect(device)) }
            var number = 0
            while !Task.isCancelled {
                let (device, connection) = (fleet[number % fleet.count], connections[number % fleet.count])
                try await connection.report(18 + Double(number % 70) / 10, of: device.id)
                let more: String? =
                    switch number % 5 {
                    case 0: #"{"voltage":3.7}"#
                    case 3: #"{"humidity":\(40 + number % 30)}"#
                    default: nil
                    }
                if let more { try await connection.deliver(Array(more.utf8), to: "devices/\(device.id)/telemetry") }
                number += 1
                // A fleet of this size reports a few times a second.
                try? await Task.sleep(for: .milliseconds(150))
            }
        }
    }
}
