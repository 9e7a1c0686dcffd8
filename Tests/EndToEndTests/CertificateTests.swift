import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A device's certificate` {
        private let good = Array(#"{"n":1}"#.utf8)
        private let bad = Array(#"{"n":666}"#.utf8)

        private static func with(
            _ body: @escaping @Sendable (TestedSystem, API, TestAuthority) async throws -> Void
        ) async throws {
            try await TestedSystem.with(admitsCertificates: true) { system in
                let api = system.api(try await system.start())
                let authority = try await system.authority()
                defer { authority.remove() }
                try await body(system, api, authority)
            }
        }

        @Test func `lets it in by its name or without, to its own topics and its own sessions`() async throws {
            try await Self.with { system, api, authority in
                let (device, victim) = (try await api.register("device"), try await api.register("victim"))
                let certificate = try await authority.issue(device.id)
                _ = try await api.certify(device.id, by: certificate)
                let way = try await system.way(with: certificate)
                let held = try await system.open(
                    MQTTLogin(user: victim.id, password: victim.apiKey, clientID: "sensor"))
                var count = 0
                for version in [UInt8(5), 4] {
                    for user in [device.id, nil] {
                        let connection = try await way.open(
                            MQTTLogin(
                                user: user, password: nil, version: version,
                                will: .init(topic: "devices/\(victim.id)/status", payload: bad)))
                        let topic = "devices/\(device.id)/telemetry"
                        try await connection.write(
                            MQTTPacket.publish(
                                Array(#"{"n":\#(count)}"#.utf8), to: Array(topic.utf8), packetID: 5, qos: 1,
                                isRetained: false, version: version))
                        guard case .publishAcknowledged(5, 0) = try await connection.packet(until: .now + .seconds(20))
                        else { throw Wrong("\(user ?? "nobody") could not publish") }
                        count += 1
                        try await system.recorded(count, of: device)
                        try await connection.subscribe(to: "devices/\(device.id)/commands", version: version)
                        for topic in ["devices/\(victim.id)/telemetry", "devices/\(device.id)/config", "$SYS/x"] {
                            try await connection.isDenied(bad, on: topic, qos: 1, version: version)
                        }
                        try await way.isRefused(
                            MQTTLogin(user: user, password: nil, clientID: "sensor", version: version))
                        try await way.isRefused(
                            MQTTLogin(user: user, password: nil, clientID: "fleetlog-ingest", version: version))
                    }
                }
                try await held.deliver(good, to: "devices/\(victim.id)/telemetry")
                try await system.recorded(1, of: victim)
                let found = try await system.number(
                    "bad", "select count(*) from events where data::text like '%\"n\":666%'")
                guard found == 0 else { throw Wrong("something was recorded for another device") }
                let refused = try await system.number(
                    "refused", "select count(*) from events where type = 'MessageRefused'")
                guard refused == 0 else { throw Wrong("a message or a will for another device came through") }
                try await eventually("its use is known") {
                    try await system.number(
                        "used",
                        "select count(*) from device_credentials where key_id = '2' and last_used_time is not null")
                        == 1
                }
            }
        }

        @Test func `is all that counts at its port, and counts nowhere else`() async throws {
            try await Self.with { system, api, authority in
                let (device, other) = (try await api.register("device"), try await api.register("other"))
                let (certificate, others) = (
                    try await authority.issue(device.id), try await authority.issue(other.id)
                )
                _ = try await api.certify(device.id, by: certificate)
                _ = try await api.certify(other.id, by: others)
                let key = device.apiKey
                let gateway = system.broker.files.gatewayPassword

                // No certificate, and one of somebody else's authority, whatever else is said.
                let stranger = try await TestAuthority()
                defer { stranger.remove() }
                for own in [nil, try await stranger.issue(device.id)] {
                    let way = try await system.way(with: own)
                    for login in [
                        MQTTLogin(user: device.id, password: nil), MQTTLogin(user: device.id, password: key),
                        MQTTLogin(user: nil, password: nil), MQTTLogin(user: "fleetlog", password: gateway),
                    ] { try await way.isRefused(login) }
                }

                // One that has ended: the handshake refuses it, although the guard knows it as one that has not.
                let (ended, beside) = (
                    try await authority.issue(device.id, days: -1), try await authority.issue(device.id)
                )
                _ = try await system.number(
                    "put it there",
                    """
                    with row as (
                        insert into device_credentials
                            (device, key_id, certificate_sha256, certificate_subject, certificate_not_after)
                        values
                            ('\(device.id)', '98', sha256($1), '', now()),
                            ('\(device.id)', '99', sha256($2), '', now())
                        returning 1
                    )
                    select count(*) from row
                    """, [.bytes(ended.der), .bytes(beside.der)])
                let besideWay = try await system.way(with: beside)
                // Seldom: ten failures within ten seconds would have the device refused for those.
                try await eventually("the guard knows both", every: .seconds(1)) {
                    (try? await besideWay.open(MQTTLogin(user: device.id, password: nil))) != nil
                }
                try await system.way(with: ended).isRefused(MQTTLogin(user: device.id, password: nil))

                // Its own, with another proof or as somebody else; another's; one that nobody has registered.
                let way = try await system.way(with: certificate)
                for login in [
                    MQTTLogin(user: other.id, password: nil), MQTTLogin(user: other.id, password: other.apiKey),
                    MQTTLogin(user: device.id, password: key), MQTTLogin(user: device.id, password: "x"),
                    MQTTLogin(user: "fleetlog", password: gateway), MQTTLogin(user: "fleetlog", password: nil),
                    MQTTLogin(user: "+", password: nil), MQTTLogin(user: nil, password: key),
                ] { try await way.isRefused(login) }
                let unknown = try await system.way(with: try await authority.issue(device.id))
                try await unknown.isRefused(MQTTLogin(user: device.id, password: nil))
                try await unknown.isRefused(MQTTLogin(user: nil, password: nil))
                let named = try await system.way(with: try await authority.issue("fleetlog"))
                try await named.isRefused(MQTTLogin(user: nil, password: nil))

                // Where nobody asks for a certificate it proves nothing.
                let plainTLS = try await TLSWay(system, port: system.broker.tlsPort, with: others)
                for login in [MQTTLogin(user: other.id, password: nil), MQTTLogin(user: nil, password: nil)] {
                    try await plainTLS.isRefused(login)
                    try await system.isRefused(login)
                }
                _ = try await plainTLS.open(MQTTLogin(user: other.id, password: other.apiKey))
                try await eventually("what was refused has kept nobody out", every: .seconds(1)) {
                    (try? await way.open(MQTTLogin(user: device.id, password: nil))) != nil
                }
            }
        }

        @Test func `that was revoked, replaced, or has ended cuts its connection, and does not come back`()
            async throws
        {
            try await Self.with { system, api, authority in
                let device = try await api.register("device")
                let login = MQTTLogin(user: device.id, password: nil)
                let (old, new) = (try await authority.issue(device.id), try await authority.issue(device.id))
                _ = try await api.certify(device.id, by: old)
                let (oldWay, newWay) = (try await system.way(with: old), try await system.way(with: new))
                var live = try await oldWay.open(login)
                let number = try await api.certify(device.id, by: new, overlap: 3_600)
                // Both work, and the key from before them.
                for way in [oldWay, newWay] {
                    try await way.open(MQTTLogin(user: device.id, password: nil)).deliver(
                        good, to: "devices/\(device.id)/telemetry")
                }
                _ = try await system.connect(device)
                try await live.deliver(good, to: "devices/\(device.id)/telemetry")
                let path = "/api/v1/devices/\(device.id)/credentials"
                guard try await api.send("DELETE", path + "/2").status == 204 else { throw Wrong("not revoked") }
                try await live.isEnded(within: .seconds(20))
                try await oldWay.isRefused(login)
                let again = try JSONSerialization.data(withJSONObject: ["certificate": old.text])
                let refused = try await api.send("POST", path, String(decoding: again, as: UTF8.self))
                guard refused.status == 409 else { throw Wrong("registered again: \(refused.text)") }

                try await system.broker.restart()
                try await eventually("the guard knows the certificate again") {
                    (try? await newWay.open(login)) != nil
                }
                live = try await newWay.open(login)
                _ = try await system.number(
                    "let it end",
                    """
                    with row as (
                        update device_credentials set expires_time = now() + interval '1 second'
                        where key_id = '\(number)' returning 1
                    )
                    select count(*) from row
                    """)
                try await live.isEnded(within: .seconds(60))
                try await newWay.isRefused(login)
            }
        }

        @Test func `of a device that was shut out is refused, and wrong ones are counted`() async throws {
            try await Self.with { system, api, authority in
                for action in ["quarantine", "retire"] {
                    let device = try await api.register(action)
                    let certificate = try await authority.issue(device.id)
                    _ = try await api.certify(device.id, by: certificate)
                    let way = try await system.way(with: certificate)
                    let login = MQTTLogin(user: nil, password: nil)
                    let live = try await way.open(login)
                    let path = "/api/v1/devices/\(device.id)"
                    guard try await api.send("POST", "\(path)/\(action)", #"{"reason":"x"}"#).status == 200 else {
                        throw Wrong("no \(action)")
                    }
                    try await live.isEnded(within: .seconds(20))
                    try await way.isRefused(login)
                    guard action == "quarantine" else { continue }
                    _ = try await api.send("POST", "\(path)/release", #"{"reason":"x"}"#)
                    _ = try await way.open(login)
                }
                let (victim, intruder) = (try await api.register("victim"), try await api.register("intruder"))
                let certificate = try await authority.issue(intruder.id)
                _ = try await api.certify(intruder.id, by: certificate)
                let way = try await system.way(with: certificate)
                let before = try await api.metric("telemetry_mqtt_connect_failures")
                for _ in 0..<12 { try await way.isRefused(MQTTLogin(user: victim.id, password: nil)) }
                try await eventually("they are counted", every: .milliseconds(100)) {
                    try await api.metric("telemetry_mqtt_connect_failures") >= before + 12
                }
                try await eventually("the device's stream says so", every: .milliseconds(100)) {
                    try await system.number(
                        "refusals",
                        "select count(*) from events where stream = 'device-\(victim.id)' and type = 'AccessRefused'"
                    ) > 0
                }
                _ = try await way.open(MQTTLogin(user: intruder.id, password: nil))
            }
        }
    }
}
