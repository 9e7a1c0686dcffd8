import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `Two servers on one database and one broker` {
        @Test func `take commands for the same devices, and one goes on ingesting when the other is killed`()
            async throws
        {
            try await TestedSystem.with { system in
                let first = try await system.start("first")
                let second = try await system.start("second")
                let (one, two) = (system.api(first), system.api(second))
                let shared = try await one.register("shared")
                let records = try await Load.during(on: system, api: one, rate: 120) { _ in
                    let commands = Commands(device: shared.id)
                    try await commands.send(through: [one, two], rounds: 40)
                    try await system.growth(by: 100)
                    await first.kill()
                    let start = ContinuousClock.now
                    try await system.growth(by: 20, within: .seconds(60))
                    guard ContinuousClock.now - start < .seconds(10) else { throw Wrong("the other was slow") }
                    try await commands.send(through: [two], rounds: 10)
                    try await system.growth(by: 100)
                }
                try await Checker(system: system).check(records, api: two)
                let renamings = try await system.number(
                    "renamings", "select count(*) from events where stream = $1 and type = 'DeviceUpdated'",
                    [.text("device-\(shared.id)")])
                guard renamings == 40 * 2 + 10 else { throw Wrong("\(renamings) of 90 accepted commands are stored") }
            }
        }

        @Test func `let what was written at one be read at the other, at once`() async throws {
            try await TestedSystem.with { system in
                let (one, two) = (
                    system.api(try await system.start("first")), system.api(try await system.start("second"))
                )
                for number in 1...20 {
                    let id = try await one.register("own-\(number)").id
                    let position = try await system.number("head", "select position from log_head")
                    let list = try await two.send("GET", "/api/v1/devices?limit=1000&position=\(position)")
                    guard list.status == 200, list.text.contains(id) else {
                        throw Wrong("at position \(position) \(id) is not in \(list.status) \(list.text)")
                    }
                }
            }
        }

        @Test func `hand ingest over when one stands still, and refuse its late write`() async throws {
            try await TestedSystem.with { system in
                let first = try await system.start("first")
                let second = try await system.start("second")
                let records = try await Load.during(on: system, api: system.api(second), rate: 150) { _ in
                    try await system.growth(by: 100)
                    first.freeze()
                    // The lease is stale after five seconds.
                    try await system.growth(by: 100, within: .seconds(60))
                    first.proceed()
                    try await eventually("the first notices that it was left behind") {
                        ["Another server has taken over ingest", "A lease is lost"].contains {
                            first.hasLogged($0)
                        }
                    }
                    try await system.growth(by: 100)
                    try await eventually("the first is ready as a candidate") {
                        await system.api(first).readiness()?.status == 200
                    }
                    await second.kill()
                    try await system.growth(by: 100, within: .seconds(60))
                }
                try await Checker(system: system).check(records, api: system.api(first))
            }
        }

        @Test func `are not held up by a third that stands still in the middle of an append`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let records = try await Load.during(on: system, api: api, rate: 100) { _ in
                    // What a frozen server's connection looks like: the head is locked, the rest of the batch unsent.
                    let url = try DatabaseURL(system.database.serverURL)
                    let frozen = try await PostgresConnection.connect(to: url, on: system.thread, logger: quiet)
                    _ = try await frozen.query(Statement.begin())
                    let lock = Statement.unprepared("lock", "select position from log_head for update", effect: .reads)
                    _ = try await frozen.query(lock())
                    try await system.growth(by: 100, within: .seconds(30))
                    await frozen.close()
                }
                try await Checker(system: system).check(records, api: api)
            }
        }

        @Test func `let devices connect as soon as they are registered, through whichever of them`() async throws {
            try await TestedSystem.with { system in
                let apis = [
                    system.api(try await system.start("first")), system.api(try await system.start("second")),
                ]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, api) in (apis + apis + apis).enumerated() {
                        group.addTask {
                            for round in 1...12 {
                                let device = try await api.register("device-\(number)-\(round)")
                                do {
                                    let connection = try await system.connect(device)
                                    try await connection.deliver(
                                        Array(#"{"n":1}"#.utf8), to: "devices/\(device.id)/telemetry")
                                } catch let failure as MQTTConnection.Failure {
                                    throw Wrong("device \(round) of client \(number) cannot connect: \(failure)")
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test func `start at once on an empty database, and both come up`() async throws {
            let database = try await TestDatabase.create(migrated: false)
            try await TestedSystem.with(database: database) { system in
                let servers = [try system.launch("first"), try system.launch("second")]
                for server in servers { try await server.ready(within: .seconds(60)) }
                let tokens = servers.filter { $0.output.contains("Admin token: ") }
                guard tokens.count == 1 else { throw Wrong("\(tokens.count) servers printed an admin token") }
                let accounts = try await system.number(
                    "accounts opened", "select count(*) from events where stream = 'account-default'")
                guard accounts == 1 else { throw Wrong("the account default was opened \(accounts) times") }
            }
        }

        @Test func `have views that catch up though nobody tells them of an event`() async throws {
            try await TestedSystem.with { system in
                let servers = [try await system.start("first"), try await system.start("second")]
                let device = try await system.api(servers[0]).register("quiet")
                try await system.viewsCaughtUp()
                for _ in 1...3 {
                    try await system.endListeningConnections(atLeast: servers.count)
                    try await system.appendSilently(to: "device-\(device.id)")
                    // No further append, no announcement: nothing but the views' own looking can find it.
                    try await system.viewsCaughtUp(within: .seconds(60))
                    for server in servers {
                        let (seen, head) = (try await system.api(server).device(device.id), try await system.head)
                        guard seen.version >= 2 else { throw Wrong("\(server.name) is behind \(head)") }
                    }
                }
            }
        }
    }
}

/// Concurrent commands for one device through several servers; each must be accepted in the end.
private struct Commands: Sendable {
    let device: String

    func send(through servers: [API], rounds: Int) async throws {
        for round in 1...rounds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for server in servers {
                    group.addTask {
                        let answer = try await server.rename(
                            device, "\(server.port)-\(round)-\(UInt32.random(in: 0 ... .max))")
                        guard answer.status == 200 else {
                            throw Wrong("a command was answered \(answer.status) \(answer.text)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

extension TestedSystem {
    /// Ends the connections by which servers hear of events, and makes sure that there were some.
    fileprivate func endListeningConnections(atLeast count: Int) async throws {
        let ended = try await number(
            "end listening",
            """
            select count(*) from (
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and usename = 'fleetlog_app'
                    and (query ilike 'listen%' or query like '%pg_notify%' or query like '%from log_head%')
            ) as ended
            """)
        guard ended >= count else { throw Wrong("only \(ended) listening connections were found") }
    }

    /// Appends an event as a server would that dies before it can tell anybody.
    fileprivate func appendSilently(to stream: String) async throws {
        let appended = try await number(
            "append silently",
            """
            with head as (
                update log_head set position = position + 1 returning position, recorded_time
            ), event as (
                insert into events (
                    position, stream, category, version, id, type, schema_version, account, observed_time,
                    recorded_time, principal, command_id, data)
                select head.position, $1, 'device', last.version + 1, gen_random_uuid(), 'DeviceUpdated', 1,
                    last.account, head.recorded_time, head.recorded_time, last.principal, gen_random_uuid(),
                    json_build_object('name', 'name ' || last.version)
                from head, (select * from events where stream = $1 order by version desc limit 1) as last
                returning 1
            ) select count(*) from event
            """, [.text(stream)])
        guard appended == 1 else { throw Wrong("the event could not be appended") }
    }
}
