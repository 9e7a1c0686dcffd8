import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A rollout` {
        enum Successor: String, Sendable, CaseIterable {
            case restarted, other
        }

        @Test(arguments: Successor.allCases)
        func `goes from group to group and to its end, though the server is killed in the middle`(
            successor: Successor
        ) async throws {
            try await TestedSystem.with { system in
                let first = try await system.start()
                let second = successor == .other ? try await system.start("second") : nil
                let mailbox = try await WebhookMailbox.open(by: system.api(first))
                let registered = try await register(6, by: system.api(first))
                let ids = registered.map(\.id)
                // The third spoils half of its group.
                let devices = registered.enumerated().map {
                    FirmwareDevice($1, $0 == 2 ? .fails : .installs, in: system)
                }
                try await FirmwareDevice.running(Array(devices[..<4])) {
                    let head = try await system.head
                    let rollout = try await system.api(first).rollOut(
                        to: ids, groupSize: 2, successThreshold: 50, errorThreshold: 50)
                    // Until it waits for the last group there are twenty events and more.
                    let growth = Int.random(in: 3...18)
                    try await eventually("it is under way", every: .milliseconds(5)) {
                        try await system.head >= head + growth
                    }
                    await first.kill()
                    let next = if let second { second } else { try await system.start() }
                    let api = system.api(next)
                    try await eventually("the last group is open", every: .milliseconds(50)) {
                        try await api.rollout(rollout.id).openedGroups == 3
                    }
                    guard try await api.rollout(rollout.id).state == "running" else { throw Wrong("it does not run") }
                    // These were away until now.
                    try await FirmwareDevice.running(Array(devices[4...])) {
                        try await eventually("the rollout finishes", every: .milliseconds(50)) {
                            try await api.rollout(rollout.id).state == "finished"
                        }
                    }
                    try await checkEnd(of: rollout, ids, system, api)
                    try await eventually("the news of its end has come") {
                        mailbox.letters.contains { $0.type == "fleetlog.rollout.finished.v1" }
                    }
                    guard Set(mailbox.letters.map(\.id)).count == 1 else { throw Wrong("\(mailbox.letters)") }
                }
                for (id, device) in zip(ids, devices) {
                    let installations = await device.installations
                    guard installations == 1 else { throw Wrong("\(id) has installed \(installations) times") }
                }
            }
        }

        private func checkEnd(
            of rollout: API.Rollout, _ ids: [String], _ system: TestedSystem, _ api: API
        ) async throws {
            let counts = try await api.rollout(rollout.id).counts.filter { $0.value > 0 }
            guard counts == ["succeeded": 5, "failed": 1] else { throw Wrong("the counts are \(counts)") }
            try await system.viewsCaughtUp()
            for device in try await api.devices(ofRollout: rollout.id) {
                let place = ids.firstIndex(of: device.device) ?? -1
                guard device.group == place / 2, device.state == (place == 2 ? "failed" : "succeeded"),
                    device.attempt == 1
                else { throw Wrong("device \(place) is \(device)") }
            }
            // Each was told once, and came to one end; each group waited for the one before.
            let stream = PostgresValue.text("rollout-\(rollout.id)")
            let told = try await system.texts(
                "told",
                """
                select json_array_elements_text((data -> 'devices')::json) from events
                where stream = $1 and type = 'RolloutDevicesNotified'
                """, [stream])
            let ended = try await system.texts(
                "ended",
                """
                select data ->> 'device' from events
                where stream = $1 and type in ('RolloutDeviceSucceeded', 'RolloutDeviceFailed')
                """, [stream])
            guard Set(told).count == told.count, Set(told).isSubset(of: ids), ended.sorted() == ids.sorted() else {
                throw Wrong("told were \(told), ended have \(ended)")
            }
            let opened = try await system.texts(
                "successes before each group",
                """
                select concat(data ->> 'group', ' after ', (
                    select count(*) > 0 from events as success
                    where success.stream = $1 and success.type = 'RolloutDeviceSucceeded'
                        and success.position < opening.position
                        and (success.data ->> 'group')::int = (opening.data ->> 'group')::int - 1))
                from events as opening where stream = $1 and type = 'RolloutGroupOpened' order by position
                """, [stream])
            guard opened == ["0 after f", "1 after t", "2 after t"] else { throw Wrong("groups opened: \(opened)") }
            try await eventually("no firmware message is left at the broker", every: .milliseconds(100)) {
                try await system.devicesWithFirmware().isEmpty
            }
            try await checkLog(system)
        }

        @Test func `is paused and resumed at the same instant by two, and aborted`() async throws {
            try await TestedSystem.with { system in
                let (one, two) = (
                    system.api(try await system.start("first")), system.api(try await system.start("second"))
                )
                let devices = try await register(4, by: one)
                let rollout = try await one.rollOut(to: devices.map(\.id), groupSize: 2)
                try await eventually("the first group is told", every: .milliseconds(50)) {
                    try await one.rollout(rollout.id).counts["notified"] == 2
                }
                for _ in 1...60 {
                    async let pause = one.order("pause", rollout: rollout.id)
                    async let resume = two.order("resume", rollout: rollout.id)
                    _ = try await (pause, resume)
                }
                let orders = try await system.texts(
                    "orders",
                    """
                    select type from events where stream = $1 and type in ('RolloutPaused', 'RolloutResumed')
                    order by version
                    """, [.text("rollout-\(rollout.id)")])
                guard orders.count > 1, !zip(orders, orders.dropFirst()).contains(where: ==),
                    orders.first == "RolloutPaused"
                else { throw Wrong("the orders are \(orders)") }
                let state = orders.last == "RolloutPaused" ? "paused" : "running"
                for api in [one, two] {
                    try await eventually("both know that it is \(state)", every: .milliseconds(50)) {
                        try await api.rollout(rollout.id).state == state
                    }
                }

                guard try await system.devicesWithFirmware() == Set(devices[..<2].map(\.id)) else {
                    throw Wrong("the first group has no firmware messages at the broker")
                }
                guard try await two.order("abort", rollout: rollout.id).state == "aborted" else {
                    throw Wrong("it is not aborted")
                }
                try await eventually("the firmware messages are taken back", every: .milliseconds(100)) {
                    try await system.devicesWithFirmware().isEmpty
                }
                try await eventually("the devices are cancelled", every: .milliseconds(50)) {
                    try await one.devices(ofRollout: rollout.id).map(\.state)
                        == Array(repeating: "cancelled", count: 4)
                }
                try await checkLateReport(of: devices[0], rollout, system, one)
                for action in ["pause", "resume"] {
                    let answer = try await one.send("POST", "/api/v1/rollouts/\(rollout.id)/\(action)", "{}")
                    guard answer.status == 409 else { throw Wrong("\(action) was answered \(answer.text)") }
                }
                try await system.viewsCaughtUp()
                try await checkLog(system)
            }
        }

        @Test func `leaves nothing with a device that goes to another account, is quarantined or retired`() async throws
        {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let opened = try await api.send("POST", "/api/v1/accounts", #"{"id":"north","name":"North"}"#)
                guard opened.status == 201 else { throw Wrong("the account was answered \(opened.text)") }
                let devices = try await register(4, by: api).map(\.id)
                let rollout = try await api.rollOut(to: devices, groupSize: 4)
                try await eventually("all are told", every: .milliseconds(50)) {
                    try await api.rollout(rollout.id).counts["notified"] == 4
                }
                for (method, path, body) in [
                    ("PATCH", devices[0], #"{"account":"north"}"#),
                    ("POST", devices[1] + "/quarantine", #"{"reason":"odd"}"#),
                    ("POST", devices[2] + "/retire", "{}"),
                ] {
                    let answer = try await api.send(method, "/api/v1/devices/\(path)", body)
                    guard answer.status == 200 else { throw Wrong("\(path) was answered \(answer.text)") }
                }
                try await eventually("one message is left at the broker", every: .milliseconds(100)) {
                    try await system.devicesWithFirmware() == [devices[3]]
                }
                try await eventually("three have failed", every: .milliseconds(50)) {
                    try await api.rollout(rollout.id).counts["failed"] == 3
                }
            }
        }

        @Test func `has its snapshots compared with its events by an audit`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start(more: ["FLEETLOG_DRIFT_CHECK_SECONDS": "1"])
                let api = system.api(server)
                let devices = try await register(2, by: api)
                let rollout = try await api.rollOut(to: devices.map(\.id), groupSize: 1)
                try await eventually("the first group is told", every: .milliseconds(50)) {
                    try await api.rollout(rollout.id).counts["notified"] == 1
                }
                for _ in 1...50 {
                    for action in ["pause", "resume"] { try await api.order(action, rollout: rollout.id) }
                }
                let stream = PostgresValue.text("rollout-\(rollout.id)")
                try await eventually("it has a snapshot", every: .milliseconds(100)) {
                    try await system.number(
                        "snapshots", "select count(*) from snapshots where stream = $1", [stream]) > 0
                }
                try await Checker(system: system).logIsSound()
                _ = try await Executable.run(["snapshots", "verify", "--database-url", system.database.serverURL])
                guard try await api.drift() == 0 else { throw Wrong("a drift is counted where none is") }
                _ = try await system.texts(
                    "make the snapshots wrong",
                    "update snapshots set version = version - 1 where stream = $1 returning stream", [stream])
                let audit = try await Executable.output(["audit", "--database-url", system.database.serverURL])
                guard !audit.succeeded,
                    audit.text.contains("FINDING: snapshots: stream rollout-\(rollout.id), version ")
                else {
                    throw Wrong("the audit says \(audit.text)\(audit.errors)")
                }
                let verified = try await Executable.output(
                    ["snapshots", "verify", "--json", "--database-url", system.database.serverURL])
                guard !verified.succeeded, verified.text.contains(#""stream":"rollout-\#(rollout.id)""#) else {
                    throw Wrong("the verification says \(verified.text)\(verified.errors)")
                }
                try await eventually("the server notices by itself", every: .milliseconds(100)) {
                    try await api.drift() > 0
                }
            }
        }

        /// A device that had begun before it could hear of the end changes nothing, and its message is taken.
        private func checkLateReport(
            of device: API.Device, _ rollout: API.Rollout, _ system: TestedSystem, _ api: API
        ) async throws {
            let connection = try await system.connect(device)
            try await connection.deliver(
                Array(#"{"rollout":"\#(rollout.id)","status":"succeeded","version":"2.0"}"#.utf8),
                to: "devices/\(device.id)/firmware/status")
            try await connection.report(20, of: device.id)
            try await eventually("what it said afterwards is taken") { try await system.readings == 1 }
            let counts = try await api.rollout(rollout.id).counts.filter { $0.value > 0 }
            guard counts == ["cancelled": 4] else { throw Wrong("the counts are \(counts)") }
        }

        private func checkLog(_ system: TestedSystem) async throws {
            for view in ["rollouts", "rollout-devices"] { try await system.viewEqualsRebuild(view) }
            try await Checker(system: system).logIsSound()
        }

        private func register(_ count: Int, by api: API) async throws -> [API.Device] {
            var devices: [API.Device] = []
            for number in 1...count { devices.append(try await api.register("device-\(number)")) }
            return devices
        }
    }
}

extension API {
    /// How often the server has found that a memory or a snapshot differs from its events.
    fileprivate func drift() async throws -> Int {
        let name = "fleetlog_snapshot_drift_total "
        let lines = try await send("GET", "/metrics").text.split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(name) }), let count = Int(line.dropFirst(name.count)) else {
            throw Wrong("there is no metric of drift")
        }
        return count
    }
}
