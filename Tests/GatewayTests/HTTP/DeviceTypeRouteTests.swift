import Aggregates
import Gateway
import Logging
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The device types of an account` {
    private let path = "/api/v1/accounts/default/device-types"
    private let freezer = """
        {"metrics":{"temperature":{"unit":"°C","minimum":-40,"maximum":10,"required":true},"door":{"kind":"boolean"}},\
        "silenceSeconds":60}
        """

    @Test func `are the ready-made ones and its own, which it defines version by version`() async throws {
        try await TestGateway.with { gateway in
            let before = try await gateway.ask("GET", path)
            let names = before.items.compactMap { $0["name"] as? String }
            #expect(names == ["battery", "humidity", "location", "motion", "smoke", "temperature", "water"])
            let made = try await gateway.ask("PUT", "\(path)/freezer", freezer)
            #expect(made.status == 201 && made.json["version"] as? Int == 1, "\(made)")
            #expect(made.headers["location"] == "\(path)/freezer" && made[text: "origin"] == "account")
            let same = try await gateway.ask("PUT", "\(path)/freezer", freezer)
            #expect(same.status == 200 && same.json["version"] as? Int == 1)
            let slower = freezer.replacing("60", with: "120")
            let tag = try #require(made.headers["etag"])
            let changed = try await gateway.ask("PUT", "\(path)/freezer", slower, ["If-Match": tag])
            #expect(changed.status == 200 && changed.json["version"] as? Int == 2)
            let stale = try await gateway.ask("PUT", "\(path)/freezer", freezer, ["If-Match": tag])
            #expect(stale.status == 412)
            let read = try await gateway.ask("GET", "\(path)/freezer")
            #expect(read.json["silenceSeconds"] as? Int == 120)
            let first = try await gateway.ask("GET", "\(path)/freezer?version=1")
            #expect(first.status == 200 && first.json["silenceSeconds"] as? Int == 60, "\(first)")
            #expect(try await gateway.ask("GET", "\(path)/freezer?version=3").status == 404)
            #expect(try await gateway.ask("GET", "\(path)/smoke")[text: "origin"] == "ready-made")
            #expect(try await gateway.ask("GET", "\(path)/oven").status == 404)
        }
    }

    @Test func `are refused with the field at fault`() async throws {
        try await TestGateway.with { gateway in
            for (body, field) in [
                ("{}", "metrics"), (#"{"metrics":{"a":7}}"#, "metrics.a"),
                (#"{"metrics":{"a":{"kind":"colour"}}}"#, "metrics.a.kind"),
                (#"{"metrics":{"a":{"least":1}}}"#, "metrics.a.least"), (#"{"metrics":{},"x":1}"#, "x"),
                (#"{"metrics":{},"silenceSeconds":1}"#, "silenceSeconds"),
            ] {
                let reply = try await gateway.ask("PUT", "\(path)/a", body)
                #expect(reply.status == 400 && reply[text: "field"] == field, "\(body) \(reply)")
            }
        }
    }

    @Test func `are nobody else's`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let token = try await gateway.token(for: "north")
            let reader = try await gateway.token(.reader, for: "default")
            #expect(try await gateway.ask("GET", path, [:], token: token).status == 404)
            #expect(try await gateway.ask("PUT", "\(path)/freezer", freezer, token: token).status == 404)
            #expect(try await gateway.ask("PUT", "\(path)/freezer", freezer, token: reader).status == 403)
            #expect(try await gateway.ask("GET", path, [:], token: reader).status == 200)
        }
    }

    @Test func `reach whoever judges readings, in this server and the others`() async throws {
        try await PostgresLog.with { log in
            let catalog = TelemetryCatalog(log: log.store, logger: Logger(label: "test"))
            try await catalog.load()
            let group = Task { try await catalog.run() }
            defer { group.cancel() }
            let reading: [String: MetricValue] = ["temperature": .number(20)]
            @Sendable func flags(_ account: String = "default") -> ReadingFlags? {
                catalog.current.flags(of: reading, type: DeviceType("freezer"), account: AccountID(account))
            }
            #expect(flags() == nil)
            try await PostgresLog.with(log.database) { elsewhere in
                try await TestGateway.with(store: elsewhere.store) { other in
                    #expect(try await other.ask("PUT", "\(path)/freezer", freezer).status == 201)
                    try await eventually("the type is known") { flags()?.metrics == ["temperature": .outOfRange] }
                    #expect(flags("north") == nil)
                    let wider = freezer.replacing(#""maximum":10"#, with: #""maximum":30"#)
                    #expect(try await other.ask("PUT", "\(path)/freezer", wider).status == 200)
                    try await eventually("its change is known") { flags() == nil }
                }
            }
            // Whoever starts later knows at once.
            let late = TelemetryCatalog(log: log.store, logger: Logger(label: "test"))
            try await late.load()
            #expect(late.current == catalog.current)
        }
    }
}
