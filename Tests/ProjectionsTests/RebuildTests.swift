import Aggregates
import Projections
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A rebuild` {
    /// Twenty devices that have reported ten times each, in a view that has caught up.
    private func withFleet(_ body: @Sendable (Fleet, PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in 0..<20 { try await fleet.register("d\(id)") }
            for round in 0..<10 {
                for id in 0..<20 { try await fleet.report(Double(round), from: "d\(id)") }
            }
            try await fleet.withLiveView {}
            try await body(fleet, log)
        }
    }

    private func readings(_ fleet: Fleet) async throws -> Int64 {
        try await fleet.queries().devices(scope: .all, where: DeviceFilter(), after: nil, limit: 100)
            .reduce(0) { $0 + $1.telemetryCount }
    }

    @Test(arguments: [1, 8, 150_000]) func `is identical, however little memory it may take, while events keep coming`(
        _ rows: Int
    ) async throws {
        try await withFleet { fleet, log in
            var pace = RebuildPace.eager
            pace.rows = rows
            pace.near = 5
            try await fleet.withLiveView { [pace] in
                async let more: Void = {
                    for round in 0..<20 { try await fleet.report(Double(round), from: "d\(round)") }
                }()
                let rebuild = try await log.rebuild("devices", pace: pace)
                try await more
                let comparison = try #require(rebuild.comparison)
                #expect(comparison.isIdentical && comparison.liveDigest == comparison.nextDigest)
                #expect(comparison.liveRows == 20 && comparison.nextRows == 20)
                #expect(rebuild.progress.events >= 200)
                // Its runner goes on with the generation that took over.
                try await fleet.report(1, from: "d0")
                try await fleet.viewReachesHead()
            }
            #expect(try await log.roles("devices") == ["1 previous", "2 live"])
            #expect(try await readings(fleet) == 221)
        }
    }

    @Test func `shows what differs, takes over, is swapped back and dropped`() async throws {
        try await withFleet { fleet, log in
            _ = try await log.number(
                """
                with changed as (update devices set telemetry_count = 99 where id = 'd7'),
                    gone as (delete from devices where id = 'd8') select 1::bigint
                """)
            let rebuild = try await log.rebuild("devices")
            let comparison = try #require(rebuild.comparison)
            #expect(!comparison.isIdentical && comparison.differingRows == 2)
            #expect(comparison.sample.map(\.id) == ["d7", "d8"])
            #expect(comparison.sample[0].live?.contains(#""telemetry_count": 99"#) == true)
            #expect(comparison.sample[0].next?.contains(#""telemetry_count": 10"#) == true)
            #expect(comparison.sample[1].live == nil && comparison.sample[1].next != nil)
            #expect(try await readings(fleet) == 200)

            // What comes meanwhile is in the previous one too when it serves again.
            try await fleet.withLiveView { try await fleet.report(1, from: "d7") }
            let rebuilds = log.rebuilds()
            let back = try await rebuilds.swapBack("devices", acceptingLoss: false, askedBy: "a test")
            _ = try await log.withRebuilding { try await log.end(of: back) }
            #expect(try await log.roles("devices") == ["1 live", "2 previous"])
            #expect(try await fleet.queries().device("d7", scope: .all)?.telemetryCount == 100)
            try await fleet.withLiveView { try await fleet.report(2, from: "d7") }
            #expect(try await fleet.queries().device("d7", scope: .all)?.telemetryCount == 101)

            try await rebuilds.dropPrevious("devices")
            try await log.withRebuilding {
                try await eventually { try await log.roles("devices") == ["1 live"] }
            }
            #expect(try await log.number("select count(*) from devices where generation <> 1") == 0)
            await #expect(throws: RebuildError.noPrevious) { try await rebuilds.dropPrevious("devices") }
            await #expect(throws: RebuildError.noPrevious) {
                try await rebuilds.swapBack("devices", acceptingLoss: false, askedBy: "a test")
            }
        }
    }

    @Test func `rests while it is paused, goes on from its checkpoint, and is throttled`() async throws {
        try await withFleet { fleet, log in
            let rebuilds = log.rebuilds()
            // By its limit it would take minutes.
            let begun = try await rebuilds.start("devices", eventLimit: 1, acceptingLoss: false, askedBy: "a test")
            #expect(try await log.roles("devices") == ["1 live", "2 next"])
            await #expect(throws: RebuildError.alreadyOpen) {
                try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            }
            try await log.withRebuilding {
                try await eventually("something is folded") {
                    try await log.status("devices").rebuild?.progress.events ?? 0 >= 2
                }
                #expect(try await rebuilds.pause("devices").state == .paused)
            }
            let paused = try #require(try await log.status("devices").rebuild)
            #expect(paused.progress.events < 20 && paused.progress.secondsLeft == nil)
            try await log.withRebuilding {
                let checkpoint = try await log.status("devices").generations.last?.position
                #expect(checkpoint ?? 0 > 0)
                _ = try await log.number("with u as (update rebuilds set event_limit = null) select 1::bigint")
                _ = try await rebuilds.resume("devices")
                let ended = try await log.end(of: begun)
                #expect(ended.comparison?.isIdentical == true)
                #expect(ended.progress.events == 220)
            }
            #expect(try await log.roles("devices") == ["1 previous", "2 live"])
            await #expect(throws: RebuildError.nothingOpen) { try await rebuilds.resume("devices") }
        }
    }

    @Test func `keeps to its limit when it goes on, however near the live view is`() async throws {
        try await withFleet { _, log in
            let rebuilds = log.rebuilds()
            // By its limit it would take minutes.
            _ = try await rebuilds.start("devices", eventLimit: 1, acceptingLoss: false, askedBy: "a test")
            @Sendable func folded() async throws -> Int64 {
                try await log.status("devices").rebuild?.progress.events ?? 0
            }
            try await log.withRebuilding {
                try await eventually("something is folded") { try await folded() >= 2 }
                _ = try await rebuilds.pause("devices")
            }
            let paused = try await folded()
            try await log.withRebuilding {
                _ = try await rebuilds.resume("devices")
                try await eventually("more is folded") { try await folded() > paused }
                #expect(try await rebuilds.cancel("devices").state == .cancelled)
            }
            #expect(try await folded() < 220)
        }
    }

    @Test func `leaves nothing behind when it is given up`() async throws {
        try await withFleet { fleet, log in
            let rebuilds = log.rebuilds()
            _ = try await rebuilds.start("devices", eventLimit: 20, acceptingLoss: false, askedBy: "a test")
            try await log.withRebuilding {
                try await eventually("rows are stored") {
                    try await log.number("select count(*) from devices where generation = 2") > 0
                }
                #expect(try await rebuilds.cancel("devices").state == .cancelled)
                try await eventually { try await log.roles("devices") == ["1 live"] }
            }
            #expect(try await log.number("select count(*) from devices where generation <> 1") == 0)
            // Its number is not used again.
            _ = try await log.rebuild("devices")
            #expect(try await log.roles("devices") == ["1 previous", "3 live"])
        }
    }

    @Test func `counts each event once when two work on it at once`() async throws {
        try await withFleet { fleet, log in
            let begun = try await log.rebuilds().start(
                "devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            var pace = RebuildPace.eager
            pace.near = 3
            let ended = try await PostgresLog.with(log.database) { [pace] other in
                try await other.withRebuilding(pace: pace) {
                    try await log.withRebuilding(pace: pace) { try await log.end(of: begun) }
                }
            }
            #expect(ended.comparison?.isIdentical == true)
            #expect(try await readings(fleet) == 200)
        }
    }

    @Test func `of one device replaces its row alone`() async throws {
        try await withFleet { fleet, log in
            _ = try await log.number(
                "with u as (update devices set telemetry_count = 99 where id in ('d7', 'd8')) select 1::bigint")
            let outcome = try await log.rebuilds().rebuild("devices", only: "d7")
            #expect(outcome.events == 11 && outcome.rows == 1 && outcome.differingRows == 1)
            #expect(outcome.sample.first?.live?.contains(#""telemetry_count": 99"#) == true)
            #expect(try await fleet.queries().device("d7", scope: .all)?.telemetryCount == 10)
            #expect(try await fleet.queries().device("d8", scope: .all)?.telemetryCount == 99)
            #expect(try await log.rebuilds().rebuild("devices", only: "d7").differingRows == 0)
            _ = try await log.number(
                "with u as (update devices set id = 'nobody' where id = 'd9') select 1::bigint")
            #expect(try await log.rebuilds().rebuild("devices", only: "nobody").sample.first?.next == nil)
            #expect(try await fleet.queries().device("nobody", scope: .all) == nil)
            await #expect(throws: RebuildError.unknownEntity) {
                try await log.rebuilds().rebuild("devices", only: "nobody")
            }
            // Not further than the view has come: the rest is still to come.
            try await fleet.report(1, from: "d7")
            #expect(try await log.rebuilds().rebuild("devices", only: "d7").events == 11)
            try await fleet.withLiveView {}
            #expect(try await fleet.queries().device("d7", scope: .all)?.telemetryCount == 11)
        }
    }

    @Test func `begins by itself when the program folds a view in another way, once`() async throws {
        try await withFleet { fleet, log in
            try await log.withRebuilding([RenamedDevices.self]) {
                try await eventually("the new definition is live") {
                    try await log.status("devices").rebuild?.state == .finished
                }
            }
            let rebuild = try #require(try await log.status("devices").rebuild)
            #expect(
                rebuild.cause == .definition && rebuild.definition == RenamedDevices.definition
                    && rebuild.askedBy == "system")
            #expect(rebuild.comparison?.differingRows == 20)
            #expect(try await fleet.queries().device("d1", scope: .all)?.name == "DEVICE D1")
            // Whoever swaps it back has his way.
            let back = try await log.rebuilds([RenamedDevices.self]).swapBack(
                "devices", acceptingLoss: false, askedBy: "a test")
            _ = try await log.withRebuilding([RenamedDevices.self]) { try await log.end(of: back) }
            // Beside a program of before; a third one would leave no connection to the first two.
            _ = try await log.withRebuilding([RenamedDevices.self]) { try await log.rebuild("accounts") }
            #expect(try await fleet.queries().device("d1", scope: .all)?.name == "Device d1")
            #expect(try await log.roles("devices") == ["1 live", "2 previous"])
        }
    }

    @Test func `does not lose rows whose events have left the log, unless somebody says that they may go`() async throws
    {
        try await withFleet { _, log in
            try await log.asSuperuser(
                "insert into stream_floors (stream, version, position) values ('device-d1', 1, 1)")
            for view in ["devices", "telemetry"] {
                await #expect(throws: RebuildError.lossy) {
                    try await log.rebuilds().start(view, eventLimit: nil, acceptingLoss: false, askedBy: "a test")
                }
            }
            let asked = try await log.rebuilds().start(
                "accounts", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            // Definitions are looked at before any work is done.
            _ = try await log.withRebuilding([RenamedDevices.self, AccountsProjection.self]) {
                try await log.end(of: asked)
            }
            #expect(try await log.status("devices").rebuild == nil)
            #expect(try await log.roles("devices") == ["1 live"])
            let lossy = try await log.rebuilds().start(
                "devices", eventLimit: nil, acceptingLoss: true, askedBy: "a test")
            _ = try await log.withRebuilding([DevicesProjection.self]) { try await log.end(of: lossy) }
            #expect(try await log.roles("devices") == ["1 previous", "2 live"])
        }
    }

    @Test func `goes back to no generation that would lack what has left the log since it was live`() async throws {
        try await withFleet { _, log in
            _ = try await log.rebuild("devices")
            let previous = try #require(try await log.status("devices").generations.first { $0.role == .previous })
            let rebuilds = log.rebuilds()
            func leaves(_ position: Int64) async throws {
                try await log.asSuperuser(
                    """
                    insert into stream_floors (stream, version, position) values ('device-d1', 1, \(position))
                    on conflict (stream) do update set position = excluded.position
                    """)
            }
            try await leaves(previous.position + 1)
            await #expect(throws: RebuildError.lacksEvents) {
                try await rebuilds.swapBack("devices", acceptingLoss: false, askedBy: "a test")
            }
            _ = try await rebuilds.swapBack("devices", acceptingLoss: true, askedBy: "a test")
            _ = try await rebuilds.cancel("devices")
            // What it had taken in by then is in its rows.
            try await leaves(previous.position)
            _ = try await rebuilds.swapBack("devices", acceptingLoss: false, askedBy: "a test")
        }
    }
}
