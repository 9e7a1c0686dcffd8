import Foundation
import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `The certificates of a device over HTTP` {
    private struct Setting: Sendable {
        let gateway: TestGateway
        let keys: PostgresDeviceKeys
        let authority: TestAuthority
        let log: PostgresLog
        let device: String

        func register(
            _ certificate: String, for device: String? = nil, rotate: Int? = nil, _ headers: [String: String] = [:],
            token: String? = nil
        ) async throws -> Reply {
            var body: [String: Any] = ["certificate": certificate]
            if let rotate { body["overlapSeconds"] = rotate }
            let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
            let path = "/api/v1/devices/\(device ?? self.device)/credentials" + (rotate == nil ? "" : "/rotate")
            return try await gateway.ask("POST", path, text, headers, token: token)
        }

        var listed: [[String: Any]] {
            get async throws { try await gateway.ask("GET", "/api/v1/devices/\(device)/credentials").items }
        }
    }

    private static func with(_ body: @escaping @Sendable (Setting) async throws -> Void) async throws {
        let authority = try await TestAuthority()
        defer { authority.remove() }
        try await PostgresLog.with { log in
            let keys = PostgresDeviceKeys(pool: log.pool)
            let trusted = try DeviceAuthority(pem: authority.text)
            try await TestGateway.with(
                configured { $0.deviceAuthority = trusted }, store: log.store,
                serials: PostgresSerialNumbers(pool: log.pool), keys: keys
            ) { gateway in
                let device = try await gateway.register()
                try await body(
                    Setting(gateway: gateway, keys: keys, authority: authority, log: log, device: device))
            }
        }
    }

    @Test func `are registered beside keys, listed by fingerprint, subject and end, and noted in the log`() async throws
    {
        try await Self.with { setting in
            let first = try await setting.authority.issue(setting.device)
            let made = try await setting.register(first.text, ["Idempotency-Key": "again"])
            #expect(made.status == 201 && made.json["key"] as? Int == 2, "\(made)")
            #expect(made[text: "apiKey"] == nil)
            let shown = try #require(made.json["certificate"] as? [String: Any])
            #expect((shown["sha256"] as? String)?.count == 64)
            #expect(shown["subject"] as? String == "CN=\(setting.device)")
            let end = try #require(shown["notAfterTime"] as? String)
            let repeated = try await setting.register(first.text, ["Idempotency-Key": "again"])
            #expect(repeated.status == 201 && repeated.json["key"] as? Int == 2, "\(repeated)")

            let list = try await setting.listed
            #expect(list.map { $0["key"] as? Int } == [1, 2])
            #expect(list[0]["certificate"] == nil && list[1]["expiresTime"] as? String == end)
            #expect((list[1]["certificate"] as? [String: Any])?["sha256"] as? String == shown["sha256"] as? String)
            let log = try await setting.gateway.ask("GET", "/api/v1/streams/device-\(setting.device)/events")
            #expect(log.body.contains("CN=\(setting.device)") && !log.body.contains("BEGIN CERTIFICATE"))
            #expect(setting.gateway.credentials.devices.withLock { $0.contains(setting.device) })
            // What is registered for the broker is no key over HTTP, nor is its fingerprint.
            for text in [first.text, shown["sha256"] as? String ?? ""] {
                #expect(try await !setting.keys.verify(device: setting.device, key: text))
            }
        }
    }

    @Test func `are rotated with an overlap, and revoked by number`() async throws {
        try await Self.with { setting in
            let (first, second) = (
                try await setting.authority.issue(setting.device), try await setting.authority.issue(setting.device)
            )
            #expect(try await setting.register(first.text).status == 201)
            let rotated = try await setting.register(second.text, rotate: 60)
            let end = try #require(rotated[text: "othersExpireTime"], "\(rotated)")
            #expect(rotated.json["certificate"] != nil && rotated[text: "apiKey"] == nil)
            let list = try await setting.listed
            #expect(list.map { $0["expiresTime"] as? String == end } == [true, true, false])
            let path = "/api/v1/devices/\(setting.device)/credentials"
            #expect(try await setting.gateway.ask("DELETE", path + "/2").status == 204)
            #expect(try await setting.listed.map { $0["key"] as? Int } == [1, 3])
        }
    }

    @Test func `that are none, have ended or are of another authority are refused with the reason`() async throws {
        let stranger = try await TestAuthority()
        defer { stranger.remove() }
        try await Self.with { setting in
            let good = try await setting.authority.issue(setting.device)
            let key = try String(contentsOfFile: good.key, encoding: .utf8)
            let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            let malformed = [
                ("", "one certificate"), ("x", "one certificate"), (empty, "no X.509"), (key, "private key"),
                (good.text + key, "private key"), (good.text + good.text, "one certificate"),
                (good.text.replacing("CERTIFICATE", with: "CERTIFICATE REQUEST"), "one certificate"),
                (good.text.replacing("-----END", with: "????"), "not PEM"),
                (String(repeating: "x", count: 20_000), "16384"),
            ]
            for (text, reason) in malformed {
                let reply = try await setting.register(text)
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == "certificate", "\(reply)")
                #expect(reply[text: "detail"]?.contains(reason) == true, "\(reason): \(reply)")
            }
            let ended = try await setting.register(try await setting.authority.issue(setting.device, days: -1).text)
            #expect(ended.status == 422 && ended[text: "type"]?.hasSuffix("certificate-expired") == true, "\(ended)")
            let foreign = try await setting.register(try await stranger.issue(setting.device).text)
            #expect(
                foreign.status == 422 && foreign[text: "type"]?.hasSuffix("certificate-untrusted") == true,
                "\(foreign)")
            let forServers = try await setting.authority.issue(setting.device, usage: "serverAuth")
            #expect(try await setting.register(forServers.text)[text: "detail"]?.contains("clientAuth") == true)
            let wrongType = try await setting.gateway.ask(
                "POST", "/api/v1/devices/\(setting.device)/credentials", #"{"certificate":1}"#)
            #expect(wrongType.status == 400)
            #expect(try await setting.listed.count == 1)
        }
    }

    @Test func `are registered once, whoever asks, and the answer does not tell by whom`() async throws {
        try await Self.with { setting in
            try await setting.gateway.open("north")
            let own = try await setting.gateway.register("s-2")
            let foreign = try await setting.gateway.register("s-3", account: "north")
            let north = try await setting.gateway.token(for: "north")
            let certificate = try await setting.authority.issue(foreign)
            #expect(try await setting.register(certificate.text, for: foreign, token: north).status == 201)
            let second = try await setting.authority.issue(own)
            #expect(try await setting.register(second.text, for: own).status == 201)
            let local = try await setting.gateway.token(for: "default")
            var answers: Set<String> = []
            func again(_ text: String, rotate: Int? = nil) async throws {
                let reply = try await setting.register(text, rotate: rotate, token: local)
                #expect(reply.status == 409, "\(reply)")
                answers.insert(reply.body)
            }
            for text in [certificate.text, second.text] {
                for overlap in [nil, 60] { try await again(text, rotate: overlap) }
            }
            // Nor does it come back when it was revoked.
            _ = try await setting.gateway.ask("DELETE", "/api/v1/devices/\(own)/credentials/2")
            try await again(second.text)
            #expect(answers.count == 1, "\(answers)")
        }
    }

    @Test func `asked for twice at once are registered once`() async throws {
        try await Self.with { setting in
            let certificate = try await setting.authority.issue(setting.device)
            let devices = [setting.device, try await setting.gateway.register("s-2")]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for device in devices + devices {
                    group.addTask { try await setting.register(certificate.text, for: device).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201, 409, 409, 409])
        }
    }

    @Test func `are taken from any authority if none is named`() async throws {
        let anybody = try await TestAuthority()
        defer { anybody.remove() }
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, keys: PostgresDeviceKeys(pool: log.pool)) { gateway in
                let device = try await gateway.register()
                let certificate = try await anybody.issue(device).text
                let body = try JSONSerialization.data(withJSONObject: ["certificate": certificate])
                let reply = try await gateway.ask(
                    "POST", "/api/v1/devices/\(device)/credentials", String(decoding: body, as: UTF8.self))
                #expect(reply.status == 201, "\(reply)")
            }
        }
    }
}
