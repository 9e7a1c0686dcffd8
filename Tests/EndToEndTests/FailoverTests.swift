import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `When a synchronous standby takes over from a killed primary` {
        @Test func `nothing acknowledged is lost or doubled, and the server goes on by itself`() async throws {
            let postgres = try await ReplicatedPostgres.start()
            try await TestedSystem.with(postgres: postgres.primary, standby: postgres.standbyPlace) { system in
                let server = try await system.start()
                let api = system.api(server)
                try await api.configure(#"{"overheating":{"limit":50,"n":1,"seconds":0}}"#)
                let renamed = try await api.register("renamed")
                let renames = Renames(device: renamed.id, api: api)
                let records = try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await renames.send() }
                    let records = try await Load.during(on: system, api: api, rate: 200) { _ in
                        try await system.growth(by: 200)
                        await postgres.killPrimary()
                        try await eventually(within: .seconds(20), "the server is not ready", every: .milliseconds(50))
                        {
                            await api.readiness()?.status == 503
                        }
                        try await postgres.promoteStandby()
                        try await eventually(within: .seconds(30), "it is ready again", every: .milliseconds(50)) {
                            await api.readiness()?.status == 200
                        }
                        try await system.growth(by: 200)
                    }
                    await renames.stop()
                    try await group.waitForAll()
                    return records
                }
                try await Checker(system: system).check(records, api: api)
                try await renames.check(on: system)
                try await everythingHasMoved(system, api)
                guard !server.hasEnded else { throw Wrong("the server ended") }
            }
            await postgres.kill()
        }

        /// Whoever reads, listens, holds a role, projects and runs workflows is at the new primary.
        private func everythingHasMoved(_ system: TestedSystem, _ api: API) async throws {
            try await eventually("both roles are held", every: .milliseconds(50)) {
                try await system.number(
                    "roles", "select count(*) from pg_locks where locktype = 'advisory' and granted") == 2
            }
            try await eventually("news of the log are listened for", every: .milliseconds(50)) {
                try await system.number(
                    "listening",
                    """
                    select count(*) from pg_stat_activity
                    where datname = current_database() and usename = 'fleetlog_app'
                        and (query like 'listen%' or query like '%pg_notify%' or query like '%from log_head%')
                    """) >= 1
            }
            let oven = try await api.register("oven")
            try await system.connect(oven).report(80, of: oven.id)
            try await eventually(within: .seconds(20), "the alert is raised", every: .milliseconds(100)) {
                try await api.alerts("?state=open").contains { $0.device == oven.id }
            }
        }
    }
}

/// Commands over HTTP, one after another, each with a name of its own; repeated under the same key until answered.
private actor Renames {
    private let device: String
    private let api: API
    private var acknowledged: [String] = []
    private var isStopping = false

    init(device: String, api: API) {
        self.device = device
        self.api = api
    }

    func stop() { isStopping = true }

    func send() async throws {
        for number in 1... {
            if isStopping { return }
            let body = #"{"name":"name \#(number)"}"#
            while true {
                let answer = try? await api.send(
                    "PATCH", "/api/v1/devices/\(device)", body, headers: ["Idempotency-Key": "rename-\(number)"])
                if let answer, answer.status == 200 { break }
                if let answer, answer.status != 503 {
                    throw Wrong("a command was answered \(answer.status) \(answer.text)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            acknowledged.append("name \(number)")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func check(on system: TestedSystem) async throws {
        let stored = try await system.texts(
            "names",
            """
            select data ->> 'name' from events
            where stream = $1 and type = 'DeviceUpdated' and data ->> 'name' like 'name %' order by version
            """, [.text("device-\(device)")])
        guard stored == acknowledged else {
            throw Wrong("\(acknowledged.count) commands were acknowledged, \(stored.count) are stored")
        }
    }
}
