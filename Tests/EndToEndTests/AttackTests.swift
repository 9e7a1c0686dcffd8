import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    /// What a device, or somebody with a device's key, may try at the broker.
    @Suite(.timeLimit(.minutes(3))) struct `An attack over MQTT` {
        private let good = Array(#"{"n":1}"#.utf8)
        private let bad = Array(#"{"n":666}"#.utf8)

        @Test func `with a key that is not its own is refused, and counted`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let (victim, other) = (try await api.register("victim"), try await api.register("other"))
                let (key, others) = (victim.apiKey ?? "", other.apiKey ?? "")
                for version in [UInt8(5), 4] {
                    let attempts = [
                        MQTTLogin(user: victim.id, password: "flk_wrong", version: version),
                        MQTTLogin(user: victim.id, password: others, version: version),
                        MQTTLogin(user: victim.id, password: "", version: version),
                        MQTTLogin(user: victim.id, password: nil, clientID: key, version: version),
                        MQTTLogin(user: nil, password: nil, version: version),
                        MQTTLogin(user: "\(victim.id)/#", password: key, version: version),
                        MQTTLogin(user: "+", password: key, version: version),
                        MQTTLogin(user: "fleetlog", password: key, version: version),
                        MQTTLogin(user: victim.id, password: String(repeating: "k", count: 60_000), version: version),
                        // Its own, but written into the broker's log by this.
                        MQTTLogin(user: victim.id, password: key, clientID: key, version: version),
                    ]
                    for attempt in attempts { try await system.isRefused(attempt) }
                }
                // Ten failures under its name from its own address keep the victim out for a while, and nobody else.
                _ = try await system.connect(other)
                try await eventually("the failures are counted", every: .milliseconds(100)) {
                    try await api.metric("telemetry_mqtt_connect_failures") >= 16
                }
                let log = try String(contentsOfFile: system.broker.folder + "/mosquitto/log", encoding: .utf8)
                guard !server.log.contains(key), !server.log.contains(others) else {
                    throw Wrong("a key is in the log")
                }
                guard !log.contains(others) else { throw Wrong("a key is in the broker's log") }
            }
        }

        @Test func `with an old key fails after a rotation, also after restarts of broker and server`() async throws {
            try await TestedSystem.with { system in
                var server = try await system.start()
                var api = system.api(server)
                let device = try await api.register("rotated")
                let old = device.apiKey ?? ""
                let live = try await system.connect(device)
                let overlapping = try await api.rotate(device.id, overlap: 3_600)
                for key in [old, overlapping] {
                    _ = try await system.open(MQTTLogin(user: device.id, password: key)).deliver(
                        good, to: "devices/\(device.id)/telemetry")
                }
                let new = try await api.rotate(device.id, overlap: 0)
                try await live.isEnded(within: .seconds(1))
                for round in ["at once", "after a restart of the broker", "after a restart of the server"] {
                    switch round {
                    case "after a restart of the broker": try await system.broker.restart()
                    case "after a restart of the server":
                        _ = await server.terminate()
                        server = try await system.start()
                        api = system.api(server)
                    default: break
                    }
                    try await eventually("the new key works \(round)") {
                        (try? await system.open(MQTTLogin(user: device.id, password: new))) != nil
                    }
                    for key in [old, overlapping] {
                        try await system.isRefused(MQTTLogin(user: device.id, password: key))
                    }
                }
            }
        }

        @Test func `on names that are not a device's own reaches nothing`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                let own = "devices/\(intruder.id)"
                let foreign = "devices/\(victim.id)"
                let long = "\(own)/telemetry" + String(repeating: "x", count: 65_000)
                let publishes = [
                    "\(foreign)/telemetry", "\(foreign)/status", "\(own)/config", "\(own)/commands", "\(own)/firmware",
                    "\(own)/receipts", "\(own)/notices", "\(own)/telemetry/", "\(own)//telemetry", "devices//telemetry",
                    "/\(own)/telemetry", "\(own)/../\(victim.id)/telemetry", "$SYS/broker/uptime",
                    "$SYS/broker/connection/x/state", "$CONTROL/fleetlog/v1", "$CONTROL/dynamic-security/v1",
                    "$share/g/\(own)/telemetry", "fleetlog/guard/report", "fleetlog/ingest/probe", long,
                ]
                let filters = [
                    "#", "+/#", "devices/#", "devices/+/commands", "+/\(intruder.id)/commands", "\(own)/#", "\(own)/+",
                    "\(foreign)/commands", "\(foreign)/telemetry", "\(own)/telemetry", "$SYS/#", "$SYS/broker/version",
                    "$CONTROL/#", "$CONTROL/fleetlog/v1", "$share/g/#", "$share/g/\(own)/commands",
                    "$share/g/\(foreign)/commands", "fleetlog/#", "fleetlog/guard/report", long,
                ]
                for version in [UInt8(5), 4] {
                    let login = MQTTLogin(user: intruder.id, password: intruder.apiKey, version: version)
                    for topic in publishes {
                        for qos in [UInt8(0), 1, 2] {
                            let connection = try await system.open(login)
                            try await connection.isDenied(bad, on: topic, qos: qos, version: version)
                        }
                    }
                    // The standard has no such topics: the connection ends.
                    let deep = "\(own)/telemetry" + String(repeating: "/x", count: 32_000)
                    for topic in ["devices/+/telemetry", "\(own)/#", "#", deep] {
                        let connection = try await system.open(login)
                        try await connection.write(
                            MQTTPacket.publish(
                                bad, to: Array(topic.utf8), packetID: 1, qos: 1, isRetained: false, version: version))
                        try await connection.isEnded(within: .seconds(20))
                    }
                    let connection = try await system.open(login)
                    for filter in filters {
                        try await connection.write(
                            MQTTPacket.subscribe(to: Array(filter.utf8), packetID: 7, version: version))
                        guard case .subscribed(7, let reason) = try await connection.packet(until: .now + .seconds(20)),
                            reason == (version == 5 ? 135 : 128)
                        else { throw Wrong("\(filter.prefix(60)) was not refused") }
                    }
                    try await connection.subscribe(to: "\(own)/commands", version: version)
                }
                try await system.connect(victim).deliver(good, to: "\(foreign)/telemetry")
                try await system.recorded(1, of: victim)
                guard try await system.number("bad", "select count(*) from events where data::text like '%666%'") == 0
                else { throw Wrong("something of the intruder was recorded") }
            }
        }

        @Test func `by wills and retained messages leaves nothing behind`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                let topics = [
                    "devices/\(victim.id)/status", "devices/\(victim.id)/telemetry", "devices/\(intruder.id)/config",
                    "$CONTROL/fleetlog/v1", "$SYS/broker/uptime", "fleetlog/guard/report",
                ]
                let watch = try await system.connectAsGateway()
                try await watch.subscribe(to: "devices/#")
                for topic in topics {
                    for isRetained in [false, true] {
                        _ = try await system.open(
                            MQTTLogin(
                                user: intruder.id, password: intruder.apiKey,
                                will: .init(topic: topic, payload: bad, isRetained: isRetained)))
                        let connection = try await system.connect(intruder)
                        try await connection.isDenied(bad, on: topic, qos: 1, isRetained: true)
                    }
                }
                for (topic, payload) in [
                    ("telemetry", bad), ("config/reported", bad), ("status", [UInt8](repeating: 65, count: 5_000)),
                ] {
                    try await system.connect(intruder).isDenied(
                        payload, on: "devices/\(intruder.id)/\(topic)", qos: 1, isRetained: true)
                }
                // Its own status it may leave, and it comes after all that was attempted before.
                let last = Array("gone".utf8)
                do {
                    _ = try await system.open(
                        MQTTLogin(
                            user: intruder.id, password: intruder.apiKey,
                            will: .init(topic: "devices/\(intruder.id)/status", payload: last, isRetained: true)))
                }
                guard case .published(let topic, let payload, _) = try await watch.packet(until: .now + .seconds(20)),
                    topic == "devices/\(intruder.id)/status", payload == last
                else { throw Wrong("something else than the own will came through") }
                let later = try await system.connectAsGateway()
                try await later.subscribe(to: "devices/#")
                _ = try await later.publish(Array("end".utf8), to: "devices/end")
                var retained: [String] = []
                while case .published(let topic, _, _)? = try await later.packet(until: .now + .seconds(20)) {
                    if topic == "devices/end" { break }
                    retained.append(topic)
                }
                guard retained == ["devices/\(intruder.id)/status"] else { throw Wrong("retained: \(retained)") }
            }
        }

        @Test func `on client ids ends nobody's session`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                let live = try await system.open(
                    MQTTLogin(user: victim.id, password: victim.apiKey, clientID: "sensor"))
                for version in [UInt8(5), 4] {
                    for id in ["sensor", victim.id, "fleetlog-ingest", "fleetlog-link-x", "fleetlog-guard-x"] {
                        try await system.isRefused(
                            MQTTLogin(user: intruder.id, password: intruder.apiKey, clientID: id, version: version))
                    }
                }
                try await live.deliver(good, to: "devices/\(victim.id)/telemetry")
                try await system.recorded(1, of: victim)
                let generations = try await system.number(
                    "generations", "select count(*) from events where stream = 'ingest-mqtt'")
                guard generations == 1 else { throw Wrong("ingest lost its session: \(generations) generations") }
                // Its own session a device may take over, and an id that is free anybody may have.
                _ = try await system.open(MQTTLogin(user: victim.id, password: victim.apiKey, clientID: "sensor"))
                try await live.isEnded(within: .seconds(20))
                _ = try await system.open(MQTTLogin(user: intruder.id, password: intruder.apiKey, clientID: "free"))
            }
        }

        @Test func `on the client id of a session that waits for its device is refused`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                let own = MQTTLogin(user: victim.id, password: victim.apiKey, clientID: "sensor", sessionExpiry: 3_600)
                let live = try await system.open(own)
                // DISCONNECT; when the broker has closed the connection, the guard has been told.
                try await live.write([0xe0, 0])
                try await live.isEnded(within: .seconds(20))
                for version in [UInt8(5), 4] {
                    try await system.isRefused(
                        MQTTLogin(user: intruder.id, password: intruder.apiKey, clientID: "sensor", version: version))
                }
                _ = try await system.open(own)
            }
        }

        @Test func `by many connections has sixteen at most, and may replace its own`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                func login(_ number: Int) -> MQTTLogin {
                    MQTTLogin(user: intruder.id, password: intruder.apiKey, clientID: "many-\(number)")
                }
                var live: [MQTTConnection] = []
                for number in 0..<16 { live.append(try await system.open(login(number))) }
                try await system.isRefused(login(16))
                live.append(try await system.open(login(3)))
                try await live[3].isEnded(within: .seconds(20))
                _ = try await system.connect(victim)
                try await eventually("it is counted", every: .milliseconds(100)) {
                    try await api.metric("telemetry_mqtt_connect_failures") == 1
                }
            }
        }

        @Test func `by a device that was shut out ends within a second`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                for action in ["quarantine", "retire"] {
                    let device = try await api.register(action)
                    let live = try await system.connect(device)
                    let answer = try await api.send(
                        "POST", "/api/v1/devices/\(device.id)/\(action)", #"{"reason":"x"}"#)
                    guard answer.status == 200 else { throw Wrong("\(action): \(answer.text)") }
                    try await live.isEnded(within: .seconds(1))
                    try await system.isRefused(MQTTLogin(user: device.id, password: device.apiKey))
                    guard action == "quarantine" else { continue }
                    _ = try await api.send("POST", "/api/v1/devices/\(device.id)/release", #"{"reason":"x"}"#)
                    _ = try await system.connect(device)
                }
                let device = try await api.register("revoked")
                let live = try await system.connect(device)
                let answer = try await api.send("DELETE", "/api/v1/devices/\(device.id)/credentials/1")
                guard answer.status == 204 else { throw Wrong("revocation: \(answer.text)") }
                try await live.isEnded(within: .seconds(1))
                try await system.isRefused(MQTTLogin(user: device.id, password: device.apiKey))
            }
        }

        @Test func `by huge packets, by QoS 2 and by those who never finish harms nobody`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, victim) = (try await api.register("intruder"), try await api.register("victim"))
                let topic = "devices/\(intruder.id)/telemetry"
                let twice = try await system.connect(intruder)
                try await twice.write(
                    MQTTPacket.publish(good, to: Array(topic.utf8), packetID: 9, qos: 2, isRetained: false, version: 5))
                guard case .publishReceived(9, 0) = try await twice.packet(until: .now + .seconds(20)) else {
                    throw Wrong("QoS 2 was not taken")
                }
                try await twice.write([0x62, 2, 0, 9])
                try await system.recorded(1, of: intruder)

                // A packet that says it has 256 MB, and one that has more than it may.
                for start in [[UInt8(0x30), 0xff, 0xff, 0xff, 0x7f], [0x10, 0xff, 0xff, 0xff, 0x7f]] {
                    let huge = try await system.connect(intruder)
                    try await huge.write(start)
                    try await huge.isEnded(within: .seconds(20))
                }
                var slow: [MQTTConnection] = []
                for number in 0..<500 {
                    let connection = try MQTTConnection.silent(port: system.broker.port, on: system.thread)
                    if number % 2 == 0 { try await connection.write([0x10, 0x20, 0, 4]) }
                    slow.append(connection)
                }
                let start = ContinuousClock.now
                try await system.connect(victim).deliver(good, to: "devices/\(victim.id)/telemetry")
                try await system.recorded(1, of: victim)
                guard ContinuousClock.now - start < .seconds(10) else { throw Wrong("others were held up") }
                _ = slow
            }
        }

        @Test func `by what a message carries beside its payload ends its connection, and others do not notice`()
            async throws
        {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (intruder, bystander) = (try await api.register("intruder"), try await api.register("bystander"))
                let watch = try await system.connect(bystander)
                let topic = "devices/\(intruder.id)/telemetry"
                for count in [17, 200_000] {
                    let connection = try await system.connect(intruder)
                    try await connection.write(
                        MQTTPacket.publish(bad, to: topic, packetID: 1, userProperties: count))
                    try await connection.isEnded(within: .seconds(20))
                    try await watch.deliver(good, to: "devices/\(bystander.id)/telemetry")
                }
                let connection = try await system.connect(intruder)
                try await connection.write(MQTTPacket.publish(good, to: topic, packetID: 1, userProperties: 16))
                guard case .publishAcknowledged(1, 0) = try await connection.packet(until: .now + .seconds(20)) else {
                    throw Wrong("sixteen properties were too many")
                }
                try await system.recorded(1, of: intruder)
                try await system.recorded(2, of: bystander)
                try await eventually("they are counted", every: .milliseconds(100)) {
                    try await api.metric("fleetlog_guard_limited_total") == 2
                }
            }
        }

        @Test func `by a thousand wrong keys a second is refused and counted, and others do not notice`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let (target, bystander) = (try await api.register("target"), try await api.register("bystander"))
                let watch = try await system.connect(bystander)
                let wrong = MQTTLogin(user: target.id, password: "flk_wrong")
                let start = ContinuousClock.now
                let slowest = try await withThrowingTaskGroup(of: Duration?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for _ in 0..<375 { try await system.isRefused(wrong) }
                            return nil
                        }
                    }
                    group.addTask {
                        var slowest = Duration.zero
                        for _ in 0..<100 {
                            let sent = ContinuousClock.now
                            try await watch.deliver(good, to: "devices/\(bystander.id)/telemetry")
                            slowest = max(slowest, .now - sent)
                        }
                        return slowest
                    }
                    return try await group.reduce(nil) { $0 ?? $1 } ?? .zero
                }
                print("3,000 wrong keys in \(ContinuousClock.now - start), slowest of others \(slowest)")
                guard slowest < .seconds(5) else { throw Wrong("others waited \(slowest)") }
                try await system.recorded(100, of: bystander)
                try await eventually("they are counted", every: .milliseconds(100)) {
                    try await api.metric("telemetry_mqtt_connect_failures") >= 3_000
                }
                // The device itself comes back when the penalty of those at its address is over.
                try await eventually("the device comes in again", every: .milliseconds(200)) {
                    (try? await system.connect(target)) != nil
                }
                try await eventually("its account can see it", every: .milliseconds(200)) {
                    try await system.number(
                        "events",
                        "select count(*) from events where stream = 'device-\(target.id)' and type = 'AccessRefused'"
                    ) >= 1
                }
            }
        }
    }
}
