import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A type of device` {
        private struct Device: Decodable, Sendable {
            struct Flags: Decodable, Sendable {
                var metrics: [String: String]
                var missing: [String]
                var schema: Int
                var time: String
            }
            struct Reading: Decodable, Sendable { var value: Double }

            var flaggedCount: Int
            var telemetryCount: Int
            var flags: Flags?
            var readings: [String: Reading]
        }

        @Test func `flags what is odd about a reading, and keeps it`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let id = try await api.register("probe").id
                let gateway = try await system.connectAsGateway()
                func device() async throws -> Device { try await api.send("GET", "/api/v1/devices/\(id)").value() }
                try await gateway.report(21, of: id)
                try await gateway.report(900, of: id)
                try await eventually("the odd reading is seen") { try await device().telemetryCount == 2 }
                var seen = try await device()
                guard seen.flaggedCount == 1, seen.flags?.metrics == ["temperature": "outOfRange"],
                    seen.flags?.schema == 1, seen.readings["temperature"]?.value == 900
                else { throw Wrong("the view shows \(seen)") }
                // The account's own type of the same name, from the next round on.
                let type = #"{"metrics":{"temperature":{"maximum":1000},"humidity":{"required":true}}}"#
                let path = "/api/v1/accounts/default/device-types/temperature"
                guard try await api.send("PUT", path, type).status == 201 else { throw Wrong("the type is refused") }
                try await eventually("readings are judged by it") {
                    try await gateway.report(900, of: id)
                    seen = try await device()
                    return seen.flags?.missing == ["humidity"] && seen.flags?.metrics.isEmpty == true
                }
            }
        }
    }
}
