import Foundation
import Testing

@testable import Gateway

/// What the description of the interface says of queries, asked of every route that reads.
@Suite(.timeLimit(.minutes(2))) struct `A query that cannot be` {
    private struct Parameter: Hashable {
        var name: String
        /// Texts that are none of it.
        var wrong: [String]
    }

    /// Paths with their parameters, as the description has them.
    private func parameters(_ gateway: TestGateway) async throws -> [String: [Parameter]] {
        let description = try await gateway.ask("GET", "/openapi.json").json
        let components = try #require(description["components"] as? [String: Any])
        func resolved(_ value: [String: Any], in kind: String) throws -> [String: Any] {
            guard let reference = value["$ref"] as? String else { return value }
            let known = try #require(components[kind] as? [String: Any])
            return try #require(known[String(reference.split(separator: "/").last ?? "")] as? [String: Any])
        }
        var found: [String: [Parameter]] = [:]
        for (path, item) in try #require(description["paths"] as? [String: [String: Any]]) {
            guard let get = item["get"] as? [String: Any] else { continue }
            let given = [item, get].flatMap { $0["parameters"] as? [[String: Any]] ?? [] }
            found[path] = try given.compactMap { value in
                let parameter = try resolved(value, in: "parameters")
                guard parameter["in"] as? String == "query", let name = parameter["name"] as? String else { return nil }
                let schema = try resolved(parameter["schema"] as? [String: Any] ?? [:], in: "schemas")
                return Parameter(name: name, wrong: wrong(schema))
            }
        }
        return found
    }

    private func wrong(_ schema: [String: Any]) -> [String] {
        if schema["enum"] != nil { return ["", "banana"] }
        switch (schema["type"] as? String, schema["format"] as? String) {
        case ("integer", _):
            let beyond = (schema["maximum"] as? Int).map { ["0", "\($0 + 1)"] } ?? []
            return ["", "x", "-1", "1.5", "99999999999999999999"] + beyond
        case ("boolean", _): return ["", "banana"]
        case (_, "date-time"): return ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-22"]
        case (_, "uuid"): return ["", "banana"]
        default: return []
        }
    }

    @Test func `is refused by every route that reads, and the answer names it`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            let places = [
                "/api/v1/devices/{id}": "/api/v1/devices/\(device)",
                "/api/v1/accounts/{id}": "/api/v1/accounts/default",
                "/api/v1/streams/{stream}": "/api/v1/streams/device-\(device)",
            ]
            // What else must be asked, so that it is not missed first.
            let instant = ("from", "2026-11-22T00:00:00Z")
            let required = [
                "/api/v1/devices/{id}/diff": [instant], "/api/v1/accounts/{id}/diff": [instant],
                "/api/v1/rollouts/{id}/diff": [instant], "/api/v1/fleet/diff": [instant],
                "/api/v1/devices/{id}/rolling": [("metric", "temperature")],
                "/api/v1/metrics/{metric}": [("device_id", device)], "/api/v1/audit/proof": [("position", "1")],
                "/api/v1/audit/consistency": [("from", "1"), ("to", "1")],
            ]
            var asked = 0
            for (path, parameters) in try await parameters(gateway).sorted(by: { $0.key < $1.key }) {
                guard path.hasPrefix("/api/v1/") else { continue }
                var concrete = path
                for (general, special) in places where path.hasPrefix(general) {
                    concrete = special + path.dropFirst(general.count)
                }
                concrete = concrete.replacing("{metric}", with: "temperature").replacing("{name}", with: "smoke")
                // Whether there is one is looked at before the question is, where there is no question.
                guard !concrete.contains("{") || !parameters.isEmpty else { continue }
                for parameter in parameters + [Parameter(name: "banana", wrong: ["1"])] {
                    for value in parameter.wrong {
                        let others = (required[path] ?? []).filter { $0.0 != parameter.name }
                        let query = ([(parameter.name, value)] + others).map { "\($0)=\($1)" }
                            .joined(separator: "&")
                        let reply = try await gateway.ask("GET", concrete.replacing("{id}", with: "none") + "?" + query)
                        #expect(reply.status == 400 && reply.isProblem, "\(path)?\(query): \(reply)")
                        #expect(reply.body.contains(parameter.name), "\(path)?\(query): \(reply)")
                        asked += 1
                    }
                }
            }
            #expect(asked > 300)
        }
    }
}
