import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `Alerts and their webhooks` {
        private static let settings =
            #"{"overheating":{"limit":50,"n":1,"seconds":0},"silence":{"seconds":1,"grace":0}}"#

        @Test func `come once each, though the server is killed 8 times while they are raised`() async throws {
            try await TestedSystem.with { system in
                var server = try await system.start()
                let api = system.api(server)
                try await api.configure(Self.settings)
                // It takes its time, so that some attempts are under way whenever the server is killed.
                let mailbox = try await WebhookMailbox.open(by: api, path: "slow")
                let devices = try await register(24, by: api)
                let thermometers = try await system.connectAsGateway()
                for round in 1...8 {
                    let (head, letters, silent) = (
                        try await system.head, mailbox.letters.count, try await silences(in: system)
                    )
                    // Three more become hot, and some of those that have fallen silent are back.
                    let known = devices.prefix(3 * (round - 1)).filter { _ in Int.random(in: 1...3) == 1 }
                    for device in known + devices[(3 * (round - 1))..<(3 * round)] {
                        try await thermometers.report(80, of: device)
                    }
                    let growth = Int.random(in: 1...20)
                    try await eventually(within: .seconds(30), "it works", every: .milliseconds(5)) {
                        switch round % 3 {
                        case 0: try await system.head >= head + growth
                        // The receiver has a letter, and the server does not know yet.
                        case 1: mailbox.letters.count > letters
                        // A timer has just elapsed.
                        default: try await silences(in: system) > silent
                        }
                    }
                    await server.kill()
                    if round < 8 { server = try system.launch() }
                }
                let checker = WorkflowChecker(system: system, api: api, mailbox: mailbox)
                try await checker.endClaims()
                let last = WorkflowChecker(
                    system: system, api: system.api(try await system.start()), mailbox: mailbox)
                try await last.openAlerts(of: devices, kinds: ["overheating", "silence"])
                try await last.check()
                guard mailbox.letters.count > Set(mailbox.letters.map(\.id)).count else {
                    throw Wrong("no letter had to be repeated")
                }
            }
        }

        @Test func `go on within seconds at the other server when one is killed, and none comes twice`()
            async throws
        {
            try await TestedSystem.with { system in
                // The first has had the workflows before there is a second.
                let first = try await system.start("first")
                let api = system.api(first)
                try await api.configure(Self.settings)
                let mailbox = try await WebhookMailbox.open(by: api)
                let devices = try await register(12, by: api)
                let thermometers = try await system.connectAsGateway()
                try await thermometers.report(80, of: devices[0])
                _ = try await mailbox.letter("fleetlog.alert.raised.v1", about: "overheating-\(devices[0])-1")
                let second = try await system.start("second")
                for device in devices[1..<8] { try await thermometers.report(80, of: device) }
                try await system.growth(by: .random(in: 1...10))
                await first.kill()

                let start = ContinuousClock.now
                for device in devices[8...] { try await thermometers.report(80, of: device) }
                _ = try await mailbox.letter("fleetlog.alert.raised.v1", about: "overheating-\(devices[11])-1")
                guard ContinuousClock.now - start < .seconds(8) else {
                    throw Wrong("the other took over after \(ContinuousClock.now - start)")
                }
                let checker = WorkflowChecker(system: system, api: system.api(second), mailbox: mailbox)
                try await checker.openAlerts(of: devices, kinds: ["overheating", "silence"])
                try await checker.endClaims()
                try await checker.check()
            }
        }

        @Test func `are not sent by a replay or an audit`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                try await api.configure(#"{"overheating":{"limit":50,"n":1,"seconds":0}}"#)
                let mailbox = try await WebhookMailbox.open(by: api)
                let devices = try await register(4, by: api)
                let thermometers = try await system.connectAsGateway()
                for device in devices[..<3] { try await thermometers.report(80, of: device) }
                try await eventually("three letters have come") { mailbox.letters.count == 3 }

                for view in ["devices", "accounts", "alerts", "telemetry", "states", "rollouts", "rollout-devices"] {
                    try await system.viewEqualsRebuild(view)
                }
                _ = try await Executable.run(["audit", "--database-url", system.database.serverURL])
                let (letters, rows) = (mailbox.letters.count, try await rows(in: system))
                guard letters == 3, rows == 3 * 3 else { throw Wrong("\(letters) letters came of \(rows) rows") }
                // What they had left to be sent would be sent before what comes after.
                try await thermometers.report(80, of: devices[3])
                _ = try await mailbox.letter("fleetlog.alert.raised.v1", about: "overheating-\(devices[3])-1")
                guard mailbox.letters.count == 4 else { throw Wrong("\(mailbox.letters.count) letters came, not 4") }
            }
        }

        private func silences(in system: TestedSystem) async throws -> Int {
            try await system.number("silences", "select count(*) from events where type = 'SilenceReported'")
        }

        private func rows(in system: TestedSystem) async throws -> Int {
            try await system.number(
                "notifications and what became of them",
                """
                select (select count(*) from notifications) + (select count(*) from deliveries)
                    + (select count(*) from delivery_attempts) + (select count(*) from workflow_outbox)
                """)
        }

        private func register(_ count: Int, by api: API) async throws -> [String] {
            var devices: [String] = []
            for number in 1...count { devices.append(try await api.register("thermometer-\(number)").id) }
            return devices
        }
    }
}
