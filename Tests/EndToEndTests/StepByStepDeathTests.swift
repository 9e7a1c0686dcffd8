import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    /// Each server takes up what the one before has left, and gets one step further.
    @Suite(.timeLimit(.minutes(3))) struct `Servers of which each is killed one step after the last` {
        // A reading comes to three views, in whatever order.
        private static let readings = [
            Death(.projectionFolded), Death(.projectionStored), Death(.projectionFolded, 2),
            Death(.projectionStored, 2), Death(.projectionStored, 3), Death(.snapshotEncoded), Death(.snapshotStored),
        ]
        private static let parking = [Death(.parkedRead), Death(.parkedApplied), Death(.parkedRemoved)]
        // The last finds the head in its file.
        private static let signing = [
            Death(.headSigned), Death(.headStored), Death(.headPublished), Death(.headPublished),
        ]
        private static let configuring = [Death(.configurationPublished), Death(.configurationDelivered)]
        private static let commanding = [
            Death(.commandsPublished), Death(.commandsNoted), Death(.commandsDelivered),
        ]
        private static let notifying = [
            Death(.firmwareHeld), Death(.firmwarePublished), Death(.firmwareNotified), Death(.firmwareMoved),
        ]
        private static let withdrawing = [
            Death(.withdrawalPublished), Death(.withdrawalReported), Death(.withdrawalReleased),
            Death(.withdrawalSettled),
        ]
        private static let ending = [Death(.firmwareEnded), Death(.firmwareReleased)]
        private static let past = [Death(.pastFolded), Death(.pastStored), Death(.pastReady)]

        static let tried =
            [Death(.messagesParked), Death(.blocksSealed), Death(.pastDropped)] + readings + parking + signing
            + configuring + commanding + notifying + withdrawing + ending + past

        @Test func `count readings once, in each view and in snapshots`() async throws {
            try await TestedSystem.with { system in
                let device = try await Self.prepare(system)[0]
                for death in Self.readings {
                    try await Self.report(200, by: device, system)
                    try await system.die(at: [death])
                }
                let sent = 200 * Self.readings.count
                let api = system.api(try await system.start("last"))
                try await eventually("the readings are in the log") { try await system.readings == sent }
                let stream = PostgresValue.text("device-\(device.id)")
                guard
                    try await system.number(
                        "snapshots", "select count(*) from snapshots where stream = $1", [stream]) > 0
                else { throw Wrong("there is no snapshot") }
                // The answer is its actor's, which has begun with the snapshot.
                let renamed: API.Device = try await api.rename(device.id, "renamed").value()
                let version = try await system.number(
                    "version", "select max(version) from events where stream = $1", [stream])
                guard renamed.telemetryCount == sent, renamed.version == version else {
                    throw Wrong("its actor counts \(renamed.telemetryCount) at version \(renamed.version)")
                }
                try await system.viewsCaughtUp()
                try await Checker(system: system).viewsCountAsTheLog()
                try await Checker(system: system).logIsSound()
                for view in ["devices", "telemetry", "states"] { try await system.viewEqualsRebuild(view) }
            }
        }

        @Test func `apply each parked message once, in order`() async throws {
            try await TestedSystem.with { system in
                let device = try await Self.prepare(system)[0]
                try await Self.rename(first: "DeviceRegistered", to: "DeviceForgotten", of: device, system)
                let gateway = try await system.connectAsGateway()
                for number in 1...6 {
                    let reason = try await gateway.deliver(
                        Array(#"{"ts":"\#(Timestamp.now())","n":\#(number)}"#.utf8),
                        to: "devices/\(device.id)/telemetry")
                    guard reason == 0 else { throw Wrong("a reading was answered \(reason)") }
                }
                try await system.die(at: [Death(.messagesParked)])
                try await Self.rename(first: "DeviceForgotten", to: "DeviceRegistered", of: device, system)
                let parked = try await system.number("parked", "select count(*) from parked_messages")
                guard parked > 0 else { throw Wrong("nothing is parked") }
                try await system.die(at: Self.parking)

                _ = try await system.start("last")
                try await eventually("nothing is parked any more", every: .milliseconds(50)) {
                    let parked = try await system.number("parked", "select count(*) from parked_messages")
                    let readings = try await system.readings
                    return parked == 0 && readings >= 6
                }
                let applied = try await system.texts(
                    "applied",
                    """
                    select data -> 'metrics' ->> 'n' from events where type = 'TelemetryRecorded' order by position
                    """)
                guard applied.map({ Double($0) }) == (1...6).map(Double.init) else {
                    throw Wrong("the readings are \(applied)")
                }
                try await system.viewsCaughtUp()
                try await Checker(system: system).viewsCountAsTheLog()
                try await Checker(system: system).logIsSound()
                try await Checker(system: system).viewsEqualRebuild()
            }
        }

        @Test func `leave seals and signed heads that prove the log, each head in its file once`() async throws {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let (key, heads) = (folder + "/key", folder + "/heads")
                _ = try await Executable.run(["audit", "key", "create", key])
                let devices = try await Self.prepare(system, 3)
                for device in devices { try await Self.report(400, by: device, system) }
                // Without a key; the first head is signed by the next one.
                try await system.die(at: [Death(.blocksSealed)])
                let environment = ["FLEETLOG_SEAL_KEY_FILE": key, "FLEETLOG_SEAL_HEADS_FILE": heads]
                try await system.die(at: Self.signing, more: environment)
                _ = try await system.start("last", more: environment)

                let signed = try await system.texts("heads", "select note from signed_heads order by size")
                guard signed.count == 1 else { throw Wrong("\(signed.count) heads are signed within a minute") }
                try await eventually("the head is in its file") {
                    (try? String(contentsOfFile: heads, encoding: .utf8)) == signed[0] + "\n"
                }
                let letters = try await system.number("letters", "select count(*) from notifications")
                guard letters == 0 else { throw Wrong("\(letters) letters for no mailbox") }
                let verified = try await Executable.output([
                    "audit", "verify", "--key", key + ".pub", "--head", heads, "--database-url",
                    system.database.serverURL,
                ])
                guard verified.succeeded, verified.text.contains("nothing was altered") else {
                    throw Wrong("the log is judged \(verified.text)\(verified.errors)")
                }
                try await eventually("the readings are in the log") { try await system.readings == 1_200 }
                try await Checker(system: system).logIsSound()
            }
        }

        @Test func `hand a device its configuration and its command, once noted as sent`() async throws {
            try await TestedSystem.with { system in
                let device = try await Self.prepare(system)[0]
                let path = "/api/v1/devices/\(device.id)"
                let configure: @Sendable (API) async throws -> API.Answer = {
                    try await $0.send("PUT", path + "/config", #"{"led":true}"#, headers: ["Idempotency-Key": "led"])
                }
                let command: @Sendable (API) async throws -> API.Answer = {
                    try await $0.send(
                        "POST", path + "/commands", #"{"name":"open","timeoutSeconds":600}"#,
                        headers: ["Idempotency-Key": "open"])
                }
                try await system.die(at: Self.configuring) { _ = try await configure($0) }
                try await system.die(at: Self.commanding) { _ = try await command($0) }

                let api = system.api(try await system.start("last"))
                let (configured, commanded) = (try await configure(api), try await command(api))
                guard configured.status == 200, commanded.status == 201 else {
                    throw Wrong("they are answered \(configured.text) \(commanded.text)")
                }
                struct Command: Decodable { var id: String }
                let id = try commanded.value(Command.self).id
                let desired = try await system.retained("config")
                guard desired.count == 1, desired[device.id]?.contains(#""led":true"#) == true else {
                    throw Wrong("the broker has \(desired)")
                }
                let open = try await system.retained("commands")
                guard open.count == 1, open[device.id]?.contains(id) == true else {
                    throw Wrong("the broker has \(open)")
                }
                let events = try await system.texts(
                    "events", "select type from events where stream = $1 and version > 1 order by type",
                    [.text("device-\(device.id)")])
                guard events == ["CommandIssued", "CommandSent", "ConfigurationDesired"] else {
                    throw Wrong("its stream has \(events)")
                }
                try await eventually("nothing waits to be delivered") {
                    try await system.number(
                        "waiting",
                        """
                        select (select count(*) from command_messages where revision > delivered_revision)
                            + (select count(*) from configuration_messages where revision > delivered_revision)
                        """) == 0
                }
                try await system.viewsCaughtUp()
                try await Checker(system: system).logIsSound()
                try await Checker(system: system).viewsEqualRebuild()
            }
        }

        @Test func `tell each device of a rollout once, and leave no message with one that departs or has ended`()
            async throws
        {
            try await TestedSystem.with { system in
                let devices = try await Self.prepare(system, 3)
                let ids = devices.map(\.id)
                try await system.die(at: Self.notifying) { _ = try await $0.rollOut(to: ids, groupSize: 3) }
                let first = try await system.start("first")
                let rollout = try await Self.rollout(of: system)
                try await eventually("all are told", every: .milliseconds(50)) {
                    try await system.api(first).rollout(rollout).counts["notified"] == 3
                }
                guard try await system.devicesWithFirmware() == Set(ids) else {
                    throw Wrong("not each device has its firmware message at the broker")
                }
                await first.kill()

                try await system.die(at: Self.withdrawing) {
                    _ = try await $0.send("POST", "/api/v1/devices/\(ids[0])/quarantine", #"{"reason":"odd"}"#)
                }
                guard try await system.devicesWithFirmware() == Set(ids[1...]) else {
                    throw Wrong("the device that was quarantined has its firmware message still")
                }
                for device in devices[1...] { try await Self.succeed(device, rollout, system) }
                try await system.die(at: Self.ending)

                let api = system.api(try await system.start("last"))
                try await eventually("two have succeeded", every: .milliseconds(50)) {
                    try await api.rollout(rollout).counts.filter { $0.value > 0 } == ["succeeded": 2, "failed": 1]
                }
                try await Self.checkEnd(of: rollout, ids, system)
            }
        }

        @Test func `answer as it was from a view that was not whole when they died`() async throws {
            try await TestedSystem.with { system in
                _ = try await Self.prepare(system, 3)
                let position = try await system.head
                try await system.die(at: Self.past) { _ = try await $0.send("GET", "/api/v1/devices?asOf=\(position)") }
                let first = try await system.start("first")
                try await Self.expect(3, asOf: position, system.api(first))
                guard try await system.number("generations", "select count(*) from past_views") == 1 else {
                    throw Wrong("it was folded twice")
                }
                await first.kill()

                _ = try await system.texts(
                    "age", "update past_views set used_time = now() - interval '1 hour' returning projection")
                try await system.die(at: [Death(.pastDropped)])
                let last = try await system.start("last")
                try await eventually("it is forgotten") {
                    try await system.number("past views", "select count(*) from past_views") == 0
                }
                let left = try await system.number("rows", "select count(*) from devices where generation < 0")
                guard left == 0 else { throw Wrong("\(left) rows of it are left") }
                try await Self.expect(3, asOf: position, system.api(last))
                try await Checker(system: system).logIsSound()
                try await Checker(system: system).viewsEqualRebuild()
            }
        }
    }
}

extension EndToEnd.`Servers of which each is killed one step after the last` {
    /// Devices that the views know, and no server.
    private static func prepare(_ system: TestedSystem, _ count: Int = 1) async throws -> [API.Device] {
        let server = try await system.start("before")
        var devices: [API.Device] = []
        for number in 1...count { devices.append(try await system.api(server).register("device-\(number)")) }
        try await system.viewsCaughtUp()
        await server.kill()
        try await system.serversAreDisconnected()
        return devices
    }

    /// One message, which the broker keeps until a server comes.
    private static func report(_ readings: Int, by device: API.Device, _ system: TestedSystem) async throws {
        let gateway = try await system.connectAsGateway()
        let text = (1...readings).map { #"{"ts":"\#(Timestamp.now())","seq":\#($0),"temperature":20,"lit":true}"# }
        let reason = try await gateway.deliver(
            Array("[\(text.joined(separator: ","))]".utf8), to: "devices/\(device.id)/telemetry")
        guard reason == 0 else { throw Wrong("readings were answered \(reason)") }
    }

    /// Makes the device one that cannot be read, or can be again.
    private static func rename(
        first type: String, to name: String, of device: API.Device, _ system: TestedSystem
    ) async throws {
        try await PostgresLog.with(system.database) { log in
            try await log.tamper(
                """
                update events set type = '\(name)'
                where stream = 'device-\(device.id)' and version = 1 and type = '\(type)'
                """)
        }
        try await system.serversAreDisconnected()
    }

    private static func rollout(of system: TestedSystem) async throws -> String {
        let rollouts = try await system.texts(
            "rollouts", "select substr(stream, 9) from events where type = 'RolloutCreated'")
        guard rollouts.count == 1 else { throw Wrong("the rollouts are \(rollouts)") }
        return rollouts[0]
    }

    private static func succeed(_ device: API.Device, _ rollout: String, _ system: TestedSystem) async throws {
        let connection = try await system.connect(device)
        for status in ["installing", "succeeded"] {
            let reason = try await connection.deliver(
                Array(#"{"rollout":"\#(rollout)","status":"\#(status)","version":"2.0"}"#.utf8),
                to: "devices/\(device.id)/firmware/status")
            guard reason == 0 else { throw Wrong("a firmware status was answered \(reason)") }
        }
    }

    private static func checkEnd(of rollout: String, _ ids: [String], _ system: TestedSystem) async throws {
        let stream = PostgresValue.text("rollout-\(rollout)")
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
        guard told.sorted() == ids.sorted(), ended.sorted() == ids.sorted() else {
            throw Wrong("told were \(told), ended have \(ended)")
        }
        try await eventually("no firmware message is left at the broker", every: .milliseconds(100)) {
            try await system.devicesWithFirmware().isEmpty
        }
        try await eventually("nothing is left in the ledger") {
            try await system.number(
                "ledger",
                "select (select count(*) from firmware_messages) + (select count(*) from firmware_withdrawals)") == 0
        }
        try await system.viewsCaughtUp()
        try await Checker(system: system).logIsSound()
        for view in ["devices", "rollouts", "rollout-devices"] { try await system.viewEqualsRebuild(view) }
    }

    private static func expect(_ count: Int, asOf position: Int, _ api: API) async throws {
        struct Page: Decodable {
            struct Item: Decodable {}
            var items: [Item]
        }
        let answer = try await api.send("GET", "/api/v1/devices?asOf=\(position)")
        guard answer.status == 200, try answer.value(Page.self).items.count == count else {
            throw Wrong("the past is answered \(answer.status) \(answer.text)")
        }
    }
}
