import Aggregates
import Projections
import Runtime
import Support
import Testing

/// Servers of two programs on one database, as while they are upgraded one after another.
@Suite(.timeLimit(.minutes(5))) struct `A view that a newer program keeps` {
    /// A device whose events but the newest are in the view.
    private func withDevice(_ body: @Sendable (Fleet, PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView { try await fleet.register("d") }
            try await body(fleet, log)
        }
    }

    private func device(_ fleet: Fleet) async throws -> DeviceRow {
        try #require(try await fleet.queries().device("d", scope: .all))
    }

    /// Runs today's program until it has said that it leaves the view alone, which it may do when `body` is done.
    private func besideOlderProgram(
        _ log: PostgresLog, _ body: @Sendable () async throws -> Void = {}
    ) async throws {
        let heard = KeptLog()
        let runner = ProjectionRunner(DevicesProjection.self, log: log.store, pool: log.pool, logger: heard.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await body()
            try await eventually("the older program leaves the view alone") {
                heard.count(of: "A newer server keeps a view; this one leaves its rows alone") > 0
            }
        }
    }

    @Test func `is left alone by an older one, although its rows were made by that`() async throws {
        try await withDevice { fleet, log in
            try await fleet.withLiveView(of: RenamedDevices.self) { try await fleet.report(1, from: "d") }
            try await fleet.report(2, from: "d")
            try await besideOlderProgram(log)
            #expect(try await device(fleet).telemetryCount == 1)
            try await fleet.withLiveView(of: RenamedDevices.self) {}
            #expect(try await device(fleet).telemetryCount == 2)
        }
    }

    @Test func `is left alone by an older one that keeps it, as soon as the newer rows take over`() async throws {
        try await withDevice { fleet, log in
            try await besideOlderProgram(log) {
                try await log.withRebuilding([RenamedDevices.self]) {
                    try await eventually("the new definition is live") {
                        try await log.status("devices").rebuild?.state == .finished
                    }
                }
                try await fleet.report(1, from: "d")
            }
            #expect(try await device(fleet).telemetryCount == 0)
        }
    }

    @Test func `is neither gone on with nor mended by an older one that is running`() async throws {
        try await withDevice { fleet, log in
            try await besideOlderProgram(log) {
                // It stands idle until the event, and learns by that.
                _ = try await log.rebuilds([RenamedDevices.self]).rebuild("devices", only: "d")
                try await fleet.report(1, from: "d")
            }
            #expect(try await device(fleet).telemetryCount == 0)
            try await log.asSuperuser(
                """
                insert into stuck_entities (projection, generation, entity, position, version, event_type, reason)
                select 'devices', live_generation, 'd', 1, 1, 'DeviceRegistered', 'a test' from projections
                where name = 'devices'
                """)
            await #expect(throws: RebuildError.newerDefinition) {
                try await log.rebuilds().rebuild("devices", only: "d")
            }
            await #expect(throws: RebuildError.newerDefinition) {
                try await log.rebuilds().resume("devices", entity: "d")
            }
            #expect(try await device(fleet).name == "DEVICE D")
        }
    }

    @Test func `is swapped back to by no older one`() async throws {
        try await withDevice { fleet, log in
            let newer = log.rebuilds([RenamedDevices.self])
            let first = try await newer.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            _ = try await log.withRebuilding([RenamedDevices.self]) { try await log.end(of: first) }
            // Somebody asks an older server, whose rows are live from then on.
            _ = try await log.rebuild("devices")
            #expect(try await log.roles("devices") == ["1 older", "2 previous", "3 live"])
            let back = try await newer.swapBack("devices", acceptingLoss: false, askedBy: "a test")
            // What comes behind it is done, so it was looked at.
            try await log.withRebuilding([DevicesProjection.self, AccountsProjection.self]) {
                let accounts = try await log.rebuilds().start(
                    "accounts", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
                _ = try await log.end(of: accounts)
            }
            #expect(try await log.status("devices").rebuild?.state == .running)
            _ = try await log.withRebuilding([RenamedDevices.self]) { try await log.end(of: back) }
            #expect(try await device(fleet).name == "DEVICE D")
        }
    }

    @Test(arguments: ["running", "paused", "failed"])
    func `is not kept from being rebuilt by what an older one has begun`(_ state: String) async throws {
        try await withDevice { fleet, log in
            _ = try await log.rebuilds().start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            try await log.asSuperuser("update rebuilds set state = '\(state)'")
            try await log.withRebuilding([RenamedDevices.self]) {
                try await eventually("the new definition is live") { try await device(fleet).name == "DEVICE D" }
                try await eventually("the rows of the older one are gone") {
                    try await log.roles("devices") == ["1 previous", "3 live"]
                }
            }
            let (old, new) = (DevicesProjection.definition, RenamedDevices.definition)
            #expect(
                try await log.texts("select state || ': ' || failure from rebuilds where number = 1") == [
                    "cancelled: it was of definition \(old), and a server is of definition \(new) by now"
                ])
        }
    }

    @Test func `is looked at again while the newer one runs`() async throws {
        try await withDevice { fleet, log in
            try await log.withRebuilding([RenamedDevices.self]) {
                try await eventually("the new definition is live") { try await device(fleet).name == "DEVICE D" }
                // Somebody asks a server that is not upgraded yet, and none of those has the role any more.
                _ = try await log.rebuilds().start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
                try await eventually("that is given up") {
                    try await log.status("devices").rebuild?.state == .cancelled
                }
            }
            #expect(try await device(fleet).name == "DEVICE D")
        }
    }

    @Test func `has its rebuild left alone by an older one`() async throws {
        try await withDevice { _, log in
            _ = try await log.rebuilds([RenamedDevices.self]).start(
                "devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            // What comes behind it is done, so it was looked at.
            try await log.withRebuilding([DevicesProjection.self, AccountsProjection.self]) {
                let accounts = try await log.rebuilds().start(
                    "accounts", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
                _ = try await log.end(of: accounts)
            }
            let left = try #require(try await log.status("devices").rebuild)
            #expect(left.state == .running && left.definition == RenamedDevices.definition)
        }
    }

    @Test func `is rebuilt once more if an older one has rebuilt it since`() async throws {
        try await withDevice { fleet, log in
            for round in 1...2 {
                try await log.withRebuilding([RenamedDevices.self]) {
                    try await eventually("the new definition is live") {
                        try await device(fleet).name == "DEVICE D"
                    }
                }
                if round == 1 { _ = try await log.rebuild("devices") }
            }
            #expect(try await log.roles("devices") == ["1 older", "2 older", "3 previous", "4 live"])
        }
    }
}
