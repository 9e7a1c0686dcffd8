import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `An administrative act` {
    private func acts(_ store: some EventStore) async throws -> [RecordedEvent] {
        let stream = try #require(StreamName("administration-_installation"))
        return try await store.readStream(stream, from: 1, limit: 100)
    }

    @Test func `over HTTP is in the log with who asked, also what comes to nothing`() async throws {
        try await TestGateway.with { gateway in
            let view = "/api/v1/projections/devices"
            let asked = [
                ("\(view)/rebuild", "ViewRebuildRequested"), ("\(view)/rebuild/pause", "ViewRebuildPauseRequested"),
                ("\(view)/rebuild/resume", "ViewRebuildResumptionRequested"),
                ("\(view)/rebuild/cancel", "ViewRebuildCancellationRequested"),
                ("\(view)/swap-back", "ViewSwapBackRequested"), ("\(view)/drop-previous", "ViewDropRequested"),
                ("\(view)/pause", "ViewPauseRequested"), ("\(view)/resume", "ViewResumptionRequested"),
            ]
            for (path, type) in asked {
                let reply = try await gateway.ask("POST", path)
                #expect((200..<300).contains(reply.status), "\(path): \(reply)")
                let act = try #require(try await acts(gateway.store).last)
                #expect(act.type == type && act.metadata.principal == .user("admin"))
                #expect(act.metadata.account == .installation && act.metadata.correlationID != nil)
                #expect(String(decoding: act.data, as: UTF8.self) == #"{"subject":"devices"}"#)
                #expect(reply.headers["fleetlog-position"] == "\(act.position)")
            }
            let missing = try await gateway.ask("POST", "/api/v1/isolated-streams/device-x/restart")
            #expect(missing.status == 404)
            let ending = try await acts(gateway.store).suffix(2)
            #expect(ending.map(\.type) == ["StreamRestartRequested", "AdministrativeActFailed"])
            #expect(ending.last?.metadata.causationID == ending.first?.id)
            // A path is anybody's text; only names get into the log.
            _ = try await gateway.ask("POST", "/api/v1/projections/%00%22/pause")
            let odd = try #require(try await acts(gateway.store).dropLast().last)
            #expect(odd.type == "ViewPauseRequested" && String(decoding: odd.data, as: UTF8.self) == "{}")
        }
    }

    @Test func `says what of it was asked for, since one device's rows are not a whole view`() async throws {
        try await TestGateway.with { gateway in
            let view = "/api/v1/projections/devices"
            _ = try await gateway.ask("POST", "\(view)/swap-back", #"{"acceptLoss":true}"#)
            let swap = try #require(try await acts(gateway.store).last?.data)
            #expect(String(decoding: swap, as: UTF8.self) == #"{"details":{"acceptLoss":"true"},"subject":"devices"}"#)
            _ = try await gateway.ask("POST", "\(view)/rebuild/cancel")
            for (path, body, details) in [
                ("rebuild", #"{"only":"d-1"}"#, #"{"only":"d-1"}"#),
                (
                    "rebuild", #"{"acceptLoss":true,"eventsPerSecond":500}"#,
                    #"{"acceptLoss":"true","eventsPerSecond":"500"}"#
                ),
                ("pause", #"{"reason":"disk"}"#, #"{"reason":"disk"}"#),
                ("resume", #"{"entity":"d-9"}"#, #"{"entity":"d-9"}"#),
            ] {
                #expect((200..<300).contains(try await gateway.ask("POST", "\(view)/\(path)", body).status))
                let data = try #require(try await acts(gateway.store).last?.data)
                #expect(String(decoding: data, as: UTF8.self) == #"{"details":\#(details),"subject":"devices"}"#)
            }
            _ = try await gateway.ask("POST", "\(view)/pause", #"{"reason":"a\u0000b"}"#)
            _ = try await gateway.ask("POST", "\(view)/pause", "{")
            let odd = try await acts(gateway.store).filter { $0.type == "ViewPauseRequested" }.suffix(2)
            #expect(odd.map { String(decoding: $0.data, as: UTF8.self) }.allSatisfy { $0 == #"{"subject":"devices"}"# })
        }
    }

    @Test func `that is denied leaves nothing, and what concerns all is seen by those only who see all`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let token = try await gateway.token(for: "default")
            let path = "/api/v1/projections/devices/pause"
            #expect(try await gateway.ask("POST", path, token: token).status == 403)
            #expect(try await acts(gateway.store).isEmpty)
            _ = try await gateway.ask("POST", path)
            let stream = "/api/v1/streams/administration-_installation/events"
            #expect(try await gateway.ask("GET", stream, token: token).status == 404)
            #expect(try await gateway.ask("GET", stream).items.count == 1)
            let activity = try await gateway.ask("GET", "/api/v1/activity")
            #expect(activity.items.compactMap { $0["type"] as? String } == ["ViewPauseRequested"])
            #expect(try await gateway.ask("GET", "/api/v1/activity", token: token).items.isEmpty)
        }
    }

    @Test func `has its event before it is begun, and another if it fails`() async throws {
        let store = InMemoryEventStore()
        let administration = Administration(store: store)
        let act = AdministrativeAct(.retentionBegun, .init("telemetry", ["events": "7"]))
        try await administration.perform(act, .init(by: .user("command-line:root")), ended: .retentionEnded) {
            let before = try await acts(store).map(\.type)
            #expect(before == ["RetentionBegun"])
        }
        #expect(try await acts(store).map(\.type) == ["RetentionBegun", "RetentionEnded"])
        await #expect(throws: EventStoreError.overloaded) {
            try await administration.perform(act, .init(by: .user("command-line:root")), ended: .retentionEnded) {
                throw EventStoreError.overloaded
            }
        }
        let failure = try #require(try await acts(store).last)
        #expect(failure.type == "AdministrativeActFailed")
        #expect(
            String(decoding: failure.data, as: UTF8.self)
                == #"{"details":{"act":"RetentionBegun"},"subject":"telemetry"}"#)
    }

    @Test func `is not begun while the log takes nothing`() async throws {
        let store = RefusingStore()
        store.refuse(with: .overloaded)
        await #expect(throws: EventStoreError.overloaded) {
            try await Administration(store: store).perform(
                AdministrativeAct(.backupBegun), .init(by: .user("command-line:root"))
            ) { Issue.record("it was begun") }
        }
    }

    @Test(arguments: AdministrativeAct.Kind.allCases)
    func `of each kind is read back as it was written`(_ kind: AdministrativeAct.Kind) throws {
        let act = AdministrativeAct(kind, .init("devices", ["reason": "odd"]))
        let stored = try AdministrativeAct.codec.encode(act)
        #expect(stored.type == kind.rawValue && stored.schemaVersion == 1)
        let read = try AdministrativeAct.codec.decode(type: stored.type, schemaVersion: 1, data: stored.data)
        #expect(read == act)
    }
}
