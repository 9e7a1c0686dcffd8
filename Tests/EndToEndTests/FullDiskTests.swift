import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `While the disk of Postgres is full` {
        @Test(.enabled("needs the right to mount a file system") { await SmallDisk.isPermitted() })
        func `commands are refused and messages wait, and everything goes on when there is room`() async throws {
            let disk = try await SmallDisk(megabytes: 400)
            let postgres = try await ThrowawayPostgres.start(in: disk.folder)
            try await TestedSystem.with(postgres: postgres) { system in
                let server = try await system.start()
                let api = system.api(server)
                let records = try await Load.during(on: system, api: api, rate: 300) { load in
                    try await system.growth(by: 200)
                    try await disk.fill()
                    let device = load.devices[0].id
                    try await eventually(within: .seconds(60), "a command is refused", every: .milliseconds(200)) {
                        let text = String(repeating: "x", count: 150) + "\(UInt32.random(in: 0 ... .max))"
                        return try await api.rename(device, text).status == 503
                    }
                    let (head, acknowledged) = (try? await system.head, await load.acknowledged)
                    try await eventually("the broker takes more", every: .milliseconds(100)) {
                        await load.acknowledged > acknowledged + 300
                    }
                    if let head, let now = try? await system.head, now > head + 300 {
                        throw Wrong("the disk was not full: \(now - head) events were stored")
                    }
                    disk.makeRoom()
                    // Postgres ends itself if it cannot write its log; whoever looks after it starts it again.
                    try await postgres.start()
                    try await system.growth(by: 300, within: .seconds(60))
                }
                try await Checker(system: system).check(records, api: api)
            }
            await postgres.kill()
            await disk.remove()
        }

        @Test(.enabled("needs the right to mount a file system") { await SmallDisk.isPermitted() })
        func `a rebuild says so, the live view can be read, and the rebuild goes on when there is room`() async throws {
            let disk = try await SmallDisk(megabytes: 400)
            let postgres = try await ThrowawayPostgres.start(in: disk.folder)
            try await TestedSystem.with(postgres: postgres) { system in
                let server = try await system.start()
                let api = system.api(server)
                let ids = try await reportManyMetrics(system, api)
                let rebuild = "/api/v1/projections/telemetry/rebuild"
                // Begun while there is room, slowly, so that its rows are still to be stored.
                let begun = try await api.send("POST", rebuild, #"{"eventsPerSecond":5}"#)
                guard begun.status == 202 else { throw Wrong("the rebuild was answered \(begun.status) \(begun.text)") }
                let paused = try await api.send("POST", rebuild + "/pause")
                guard paused.status < 300 else { throw Wrong("the pause was answered \(paused.status) \(paused.text)") }
                try await disk.fill()
                let resumed = try await api.send("POST", rebuild + "/resume")
                guard resumed.status < 300 else {
                    throw Wrong("the resumption was answered \(resumed.status) \(resumed.text)")
                }
                try await eventually(
                    within: .seconds(60), "the rebuild says what it waits for", every: .milliseconds(200)
                ) {
                    let now = try await status(of: api)
                    return now.state == "running" && now.failure?.contains("The disk of Postgres is full") == true
                }
                let metric = "/api/v1/metrics/metric0?device_id=\(ids[0])&resolution=1m"
                let windows = try await api.send("GET", metric)
                guard windows.status == 200, windows.text.contains(#""count":1"#) else {
                    throw Wrong("the live view answered \(windows.status) \(windows.text)")
                }
                disk.makeRoom()
                // Postgres ends itself if it cannot write its log; whoever looks after it starts it again.
                try await postgres.start()
                try await eventually(within: .seconds(60), "the rebuild is finished", every: .milliseconds(200)) {
                    let now = try await status(of: api)
                    return now.state == "finished" && now.failure == nil && now.comparison?.identical == true
                }
                for view in ["telemetry", "states"] { try await system.viewEqualsRebuild(view) }
            }
            await postgres.kill()
            await disk.remove()
        }

        private struct Status: Decodable {
            struct Comparison: Decodable { var identical: Bool }
            var state: String
            var failure: String?
            var comparison: Comparison?
        }

        private func status(of api: API) async throws -> Status {
            struct Answer: Decodable { var rebuild: Status }
            return try await api.send("GET", "/api/v1/projections/telemetry").value(Answer.self).rebuild
        }

        /// Few messages whose windows take many pages of the view.
        private func reportManyMetrics(_ system: TestedSystem, _ api: API) async throws -> [String] {
            var ids: [String] = []
            for number in 1...10 { ids.append(try await api.register("many-\(number)").id) }
            let gateway = try await system.connectAsGateway()
            let metrics = #""door":"open","# + (0..<99).map { #""metric\#($0)":\#($0)"# }.joined(separator: ",")
            for id in ids {
                let reason = try await gateway.deliver(
                    Array(#"{"ts":"\#(Timestamp.now())",\#(metrics)}"#.utf8), to: "devices/\(id)/telemetry")
                guard reason == 0 else { throw Wrong("a reading was answered \(reason)") }
            }
            try await eventually("the readings are in the log") { try await system.readings == ids.count }
            try await system.viewsCaughtUp()
            return ids
        }
    }
}
