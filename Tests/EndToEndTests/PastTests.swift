import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `The fleet as it was` {
        private struct List: Decodable {
            struct Item: Decodable {
                var id: String
                var name: String
            }
            var items: [Item]
        }

        private struct Items: Decodable {
            struct Item: Decodable {}
            var items: [Item]
        }

        private struct Overview: Decodable {
            struct Devices: Decodable {
                var total: Int
                var byState: [String: Int]
            }
            var devices: Devices
        }

        private func devices(_ query: String, _ api: API) async throws -> [List.Item] {
            let answer = try await api.send("GET", "/api/v1/devices\(query)")
            guard answer.status == 200 else { throw Wrong("\(query) is answered \(answer.status) \(answer.text)") }
            return try answer.value(List.self).items.sorted { $0.id < $1.id }
        }

        private func overview(_ query: String, _ api: API) async throws -> Overview.Devices {
            let answer = try await api.send("GET", "/api/v1/fleet\(query)")
            guard answer.status == 200 else { throw Wrong("\(query) is answered \(answer.status) \(answer.text)") }
            return try answer.value(Overview.self).devices
        }

        @Test func `is answered by position and by instant, beside the present`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                var ids: [String] = []
                for number in 1...3 { ids.append(try await api.register("thermometer-\(number)").id) }
                let position = try await system.head
                let instant = try await system.texts(
                    "instant",
                    """
                    select to_char(recorded_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') from log_head
                    """
                )[0]
                _ = try await api.rename(ids[0], "renamed")
                _ = try await api.send("POST", "/api/v1/devices/\(ids[1])/retire")
                _ = try await api.register("thermometer-4")
                try await system.viewsCaughtUp()

                for query in ["?asOf=\(position)", "?at=\(instant)"] {
                    let past = try await devices(query, api)
                    guard past.map(\.id) == ids.sorted(), !past.contains(where: { $0.name == "renamed" }) else {
                        throw Wrong("\(query): \(past)")
                    }
                    let counts = try await overview(query, api)
                    guard counts.total == 3, counts.byState["retired"] == nil else {
                        throw Wrong("\(query): \(counts)")
                    }
                }
                // Each view, and single streams, by the server's own role.
                _ = try await api.send("POST", "/api/v1/accounts", #"{"name":"North","id":"north"}"#)
                for (path, count) in [
                    ("accounts", 1), ("alerts", 0), ("rollouts", 0),
                    ("metrics/temperature?device_id=\(ids[0])&resolution=1h", 0),
                ] {
                    let question = "/api/v1/\(path)\(path.contains("?") ? "&" : "?")asOf=\(position)"
                    let answer = try await api.send("GET", question)
                    guard answer.status == 200, try answer.value(Items.self).items.count == count else {
                        throw Wrong("\(question) is answered \(answer.status) \(answer.text)")
                    }
                }
                let present = try await devices("", api)
                let counts = try await overview("", api)
                guard present.count == 4, present.contains(where: { $0.name == "renamed" }), counts.total == 3,
                    counts.byState["retired"] == 1
                else { throw Wrong("the present is \(present), \(counts)") }
                guard try await devices("?asOf=0", api).isEmpty else { throw Wrong("there were devices before any") }
                let future = try await api.send("GET", "/api/v1/devices?asOf=1000000")
                guard future.status == 400, future.text.contains("asOf") else {
                    throw Wrong("a position to come is answered \(future.status) \(future.text)")
                }
            }
        }

        @Test func `is folded by the next server if one is killed in the middle`() async throws {
            try await TestedSystem.with { system in
                let doomed = try await system.start("doomed")
                let api = system.api(doomed)
                for number in 1...3 { _ = try await api.register("thermometer-\(number)") }
                let position = try await system.head
                try await system.viewsCaughtUp()
                // The builder gets as far as its rows, and no further.
                try await system.pool.withTransaction { connection in
                    _ = try await connection.query(
                        Statement.unprepared("hold", "lock table devices in share mode", effect: .writes)())
                    let asking = Task { try? await api.send("GET", "/api/v1/devices?asOf=\(position)") }
                    try await eventually("the builder waits") {
                        try await system.number(
                            "waiting builders",
                            """
                            select count(*) from pg_locks l
                            where relation = 'devices'::regclass and not granted and exists (
                                select from pg_locks where locktype = 'advisory' and granted
                                    and (classid::bigint << 32) + objid::bigint = 28829390039249780)
                            """) > 0
                    }
                    await doomed.kill()
                    _ = await asking.value
                }
                try await system.serversAreDisconnected()
                guard
                    try await system.number("asked", "select count(*) from past_views where state = 'asked'") == 1
                else { throw Wrong("nothing is left to be folded") }
                let next = system.api(try await system.start("next"))
                try await eventually("the next server has folded it") {
                    try await system.number("ready", "select count(*) from past_views where state = 'ready'") == 1
                }
                guard try await devices("?asOf=\(position)", next).count == 3 else {
                    throw Wrong("the past is not whole")
                }
            }
        }
    }
}
