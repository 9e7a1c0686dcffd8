import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `The page` {
        @Test(.enabled(if: Browser.isInstalled, "needs chromium, chromium-driver and python3-selenium"))
        func `works in a real browser, with a hundred devices reporting`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let fleet = try await register(system.api(server))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await keepReporting(fleet, on: system) }
                    let output = try await Browser.run(on: server, mqttPort: system.broker.port, token: system.token)
                    group.cancelAll()
                    guard output.succeeded else { throw Wrong("\(output.text)\n\(output.errors)") }
                }
            }
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
