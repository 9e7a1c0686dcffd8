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
                let requests = Requests(device: renamed.id, ovens: try await system.connectAsGateway()) { api }
                let witness = Witness(of: system)
                let records = try await requests.beside(witness) {
                    try await Load.during(on: system, api: api, rate: 200) { _ in
                        try await system.growth(by: 200)
                        await postgres.killPrimary()
                        try await eventually("the server is not ready", every: .milliseconds(50)) {
                            await api.readiness()?.status == 503
                        }
                        try await postgres.promoteStandby()
                        try await eventually(within: .seconds(30), "it is ready again", every: .milliseconds(50)) {
                            await api.readiness()?.status == 200
                        }
                        try await system.growth(by: 200)
                    }
                }
                try await Checker(system: system).check(records, api: api)
                try await witness.check(records, requests)
                try await everythingHasMoved(system, api)
                guard !server.hasEnded else { throw Wrong("the server ended") }
            }
            await postgres.kill()
        }

        /// Whoever reads, listens, holds a role, projects and runs workflows is at the new primary.
        private func everythingHasMoved(_ system: TestedSystem, _ api: API) async throws {
            try await eventually("every role is held", every: .milliseconds(50)) {
                try await system.number(
                    "roles", "select count(*) from pg_locks where locktype = 'advisory' and granted") == 4
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
            try await eventually("the alert is raised", every: .milliseconds(100)) {
                try await api.alerts("?state=open").contains { $0.device == oven.id }
            }
        }
    }
}
