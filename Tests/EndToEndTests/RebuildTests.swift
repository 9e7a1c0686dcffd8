import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A view that is rebuilt` {
        /// Some devices with readings, known to the view.
        private func fill(_ system: TestedSystem, _ api: API, devices: Int = 4) async throws -> [String] {
            var ids: [String] = []
            for number in 1...devices { ids.append(try await api.register("thermometer-\(number)").id) }
            let gateway = try await system.connectAsGateway()
            for _ in 0..<5 { for id in ids { try await gateway.report(20, of: id) } }
            try await eventually("the readings are in the log") { try await system.readings == 5 * devices }
            try await system.viewsCaughtUp()
            return ids
        }

        private func rebuild(_ view: String, of api: API) async throws -> (state: String, roles: [String]) {
            struct Answer: Decodable {
                struct Rebuild: Decodable { var state: String }
                struct Generation: Decodable { var role: String }
                var rebuild: Rebuild?
                var generations: [Generation]
            }
            let answer = try await api.send("GET", "/api/v1/projections/\(view)").value(Answer.self)
            return (answer.rebuild?.state ?? "", answer.generations.map(\.role))
        }

        private func post(_ path: String, of view: String = "devices", to api: API) async throws {
            let answer = try await api.send("POST", "/api/v1/projections/\(view)/\(path)")
            guard answer.status < 300 else { throw Wrong("\(path) was answered \(answer.status) \(answer.text)") }
        }

        // The rows of `telemetry` are copied into its table, others are inserted.
        private static let rebuilding: [(view: String, point: Failpoint)] = [
            ("devices", .rebuildBegun), ("devices", .rebuildFolded), ("devices", .rebuildStored),
            ("devices", .rebuildCompared), ("devices", .rebuildSwapping), ("devices", .rebuildSwapped),
            ("telemetry", .rebuildFolded), ("telemetry", .rebuildStored), ("telemetry", .rebuildSwapping),
        ]
        private static let dropping = Failpoint.generationDropping
        static let tried = rebuilding.map(\.point) + [dropping]

        @Test(arguments: rebuilding)
        func `by a server that is killed in the middle is finished by the next`(
            _ view: String, _ point: Failpoint
        ) async throws {
            try await TestedSystem.with { system in
                let doomed = try await system.start("doomed", more: ["FLEETLOG_FAILPOINT": point.rawValue])
                let ids = try await fill(system, system.api(doomed))
                try await post("rebuild", of: view, to: system.api(doomed))
                try await doomed.dies(at: point)
                try await system.serversAreDisconnected()
                let next = try await system.start("next")
                let api = system.api(next)
                try await eventually("the rebuild is finished", every: .milliseconds(50)) {
                    try await rebuild(view, of: api).state == "finished"
                }
                guard try await rebuild(view, of: api).roles == ["previous", "live"] else {
                    throw Wrong("the roles are \(try await rebuild(view, of: api).roles)")
                }
                // Nothing is lost, and what comes is taken in.
                let gateway = try await system.connectAsGateway()
                try await gateway.report(30, of: ids[0])
                try await eventually { try await system.readings == 21 }
                try await system.viewsCaughtUp()
                let checker = Checker(system: system)
                try await checker.viewsCountAsTheLog()
                _ = try await Executable.run(["audit", "check", "--database-url", system.database.serverURL])
                try await system.viewEqualsRebuild(view)
            }
        }

        @Test(arguments: [Failpoint.rebuildSwapping, .rebuildSwapped])
        func `and swapped back by a server that is killed on the way is swapped back by the next`(
            _ point: Failpoint
        ) async throws {
            try await TestedSystem.with { system in
                let first = try await system.start("first")
                let ids = try await fill(system, system.api(first))
                try await post("rebuild", to: system.api(first))
                try await eventually("the rebuild is finished", every: .milliseconds(50)) {
                    try await rebuild("devices", of: system.api(first)).state == "finished"
                }
                let gateway = try await system.connectAsGateway()
                try await gateway.report(30, of: ids[0])
                try await eventually { try await system.readings == 21 }
                await first.kill()
                let doomed = try await system.start("doomed", more: ["FLEETLOG_FAILPOINT": point.rawValue])
                try await post("swap-back", to: system.api(doomed))
                try await doomed.dies(at: point)
                try await system.serversAreDisconnected()
                let api = system.api(try await system.start("next"))
                try await eventually("it is swapped back", every: .milliseconds(50)) {
                    let (state, roles) = try await rebuild("devices", of: api)
                    return state == "finished" && roles == ["live", "previous"]
                }
                try await system.viewsCaughtUp()
                try await Checker(system: system).viewsCountAsTheLog()
                try await system.viewEqualsRebuild("devices")
            }
        }

        @Test func `goes on where a killed command was, is swapped back and dropped`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                _ = try await fill(system, system.api(server))
                await server.kill()
                let url = ["--database-url", system.database.serverURL]
                let killed = try await Executable.output(
                    ["replay", "devices"] + url, environment: ["FLEETLOG_FAILPOINT": "rebuildStored"])
                guard !killed.succeeded else { throw Wrong("the command was not killed: \(killed.text)") }
                try await system.serversAreDisconnected()
                let text = try await Executable.run(["replay", "devices"] + url)
                guard text.contains("24 events"), text.contains("identical") else { throw Wrong(text) }
                let dropping = try await Executable.output(
                    ["projections", "drop-previous", "devices"] + url,
                    environment: ["FLEETLOG_FAILPOINT": Self.dropping.rawValue])
                guard !dropping.succeeded else { throw Wrong("the command was not killed: \(dropping.text)") }
                try await system.serversAreDisconnected()
                _ = try await Executable.run(["replay", "devices"] + url)
                _ = try await Executable.run(["projections", "swap-back", "devices"] + url)
                let only = try await Executable.run(["replay", "accounts", "--only", "default"] + url)
                guard only.contains("identical") else { throw Wrong(only) }
                _ = try await Executable.run(["projections", "drop-previous", "devices"] + url)
                _ = try await Executable.run(["projections", "pause", "accounts", "--reason", "a look"] + url)
                let paused = try await Executable.run(["projections", "list"] + url)
                guard paused.contains("accounts: paused"), paused.contains("a look") else { throw Wrong(paused) }
                let resumed = try await Executable.run(["projections", "resume", "accounts"] + url)
                guard resumed.contains("0 are still stuck") else { throw Wrong(resumed) }
                let list = try await Executable.run(["projections"] + url)
                guard list.contains("devices: live"), list.contains("generation 2: live") else { throw Wrong(list) }
                let generations = try await system.number(
                    "generations with rows", "select count(distinct generation) from devices")
                guard generations == 1 else { throw Wrong("\(generations) generations have rows") }
                try await Checker(system: system).viewsCountAsTheLog()
            }
        }

        @Test func `leaves the log and all that is to be sent as they were`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                try await api.configure(#"{"overheating":{"limit":50,"n":1,"seconds":0}}"#)
                let mailbox = try await WebhookMailbox.open(by: api)
                let ids = try await fill(system, api)
                let gateway = try await system.connectAsGateway()
                try await gateway.report(80, of: ids[0])
                try await eventually("the letter has come") { mailbox.letters.count == 1 }
                try await system.viewsCaughtUp()
                let sum = """
                    select (select count(*) from events where category <> 'administration') + (select count(*) from notifications)
                        + (select count(*) from deliveries) + (select count(*) from delivery_attempts)
                        + (select count(*) from workflow_outbox) + (select count(*) from accepted_commands)
                    """
                try await eventually("the attempt is marked") {
                    try await system.number("open", "select count(*) from deliveries where state <> 'delivered'") == 0
                }
                let before = try await system.number("what could be sent", sum)
                for view in ["devices", "accounts", "alerts", "telemetry", "states", "rollouts", "rollout-devices"] {
                    let answer = try await api.send("POST", "/api/v1/projections/\(view)/rebuild")
                    guard answer.status == 202 else { throw Wrong(answer.text) }
                    try await eventually("\(view) is rebuilt", every: .milliseconds(50)) {
                        try await rebuild(view, of: api).state == "finished"
                    }
                }
                let after = try await system.number("what could be sent", sum)
                guard after == before, mailbox.letters.count == 1 else {
                    throw Wrong("\(after - before) rows and \(mailbox.letters.count - 1) letters came of rebuilds")
                }
            }
        }
    }
}
