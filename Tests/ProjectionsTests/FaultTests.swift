import Aggregates
import Logging
import Projections
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A view whose code is broken` {
    /// Ids that no other test uses.
    private let broken = "broken-\(UInt64.random(in: 0 ... .max))"
    private let sound = "sound-\(UInt64.random(in: 0 ... .max))"

    private func breakDown(_ fault: FaultyDevices.Fault) { FaultyDevices.faults.withLock { $0[broken] = fault } }
    private func mend() { FaultyDevices.faults.withLock { $0[broken] = nil } }

    /// Two devices with three events each, in a view that runs while `body` does.
    private func withView(
        _ fault: FaultyDevices.Fault, bounds: FoldBounds = FoldBounds(),
        _ body: @Sendable (Fleet, PostgresLog, PostgresRebuilds) async throws -> Void
    ) async throws {
        breakDown(fault)
        defer { mend() }
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in [broken, sound] {
                try await fleet.register(id)
                for value in 1...2 { try await fleet.report(Double(value), from: id) }
            }
            let runner = ProjectionRunner(
                FaultyDevices.self, log: log.store, pool: log.pool, logger: Logger(label: "test"), bounds: bounds)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                defer {
                    mend()
                    group.cancelAll()
                }
                try await body(fleet, log, log.rebuilds([FaultyDevices.self]))
            }
        }
    }

    private func view(_ log: PostgresLog) async throws -> ProjectionStatus {
        try #require(
            try await PostgresFleetQueries(pool: log.pool).projections().first { $0.name == FaultyDevices.name })
    }

    private func counts(_ fleet: Fleet) async throws -> [Int64?] {
        [
            try await fleet.queries().device(broken, scope: .all)?.telemetryCount,
            try await fleet.queries().device(sound, scope: .all)?.telemetryCount,
        ]
    }

    @Test func `stops one device at the event, in order, and goes on there when it is mended`() async throws {
        try await withView(.throwing(3)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [1, 2])
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            #expect(stuck.id == broken && stuck.version == 3 && stuck.type == "TelemetryRecorded")
            #expect(stuck.reason.contains("broken") && stuck.since != nil)
            #expect(try await fleet.queries().device(broken, scope: .all)?.stuckPosition == stuck.position)
            #expect(try await fleet.queries().device(sound, scope: .all)?.stuckPosition == nil)
            #expect(try await view(log).stuckCount == 1)
            #expect(try await view(log).state == .live)
            // What comes meanwhile waits, and holds nobody up.
            for id in [broken, sound] { try await fleet.report(3, from: id) }
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [1, 3])

            let inVain = try await rebuilds.resume("devices", entity: broken)
            #expect(inVain.resumed == 0 && inVain.stuck.map(\.version) == [3])
            breakDown(.throwing(4))
            #expect(try await rebuilds.resume("devices", entity: nil).stuck.map(\.version) == [4])
            #expect(try await counts(fleet) == [2, 3])
            mend()
            #expect(try await rebuilds.resume("devices", entity: broken) == Resumption(resumed: 1))
            #expect(try await counts(fleet) == [3, 3])
            #expect(try await view(log).stuckCount == 0)
            await #expect(throws: RebuildError.unknownEntity) {
                try await rebuilds.resume("devices", entity: broken)
            }
            #expect(try await log.rebuild("devices").comparison?.isIdentical == true)
        }
    }

    @Test func `stops a device in a rebuild that is near the head, and holds nobody up`() async throws {
        try await withView(.throwing(3)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            // It rests before the event, near enough to the head to be brought up while the live view waits.
            let begun = try await rebuilds.start("devices", eventLimit: 1, acceptingLoss: false, askedBy: "a test")
            try await log.withRebuilding([FaultyDevices.self]) {
                try await eventually("something is folded") {
                    try await log.status("devices").rebuild?.progress.events ?? 0 >= 1
                }
                _ = try await rebuilds.pause("devices")
            }
            _ = try await log.number("with u as (update rebuilds set event_limit = null) select 1::bigint")
            try await log.withRebuilding([FaultyDevices.self]) {
                _ = try await rebuilds.resume("devices")
                #expect(try await log.end(of: begun).comparison?.isIdentical == true)
            }
            #expect(try await rebuilds.stuck("devices", limit: 9).map(\.id) == [broken])
            try await fleet.report(3, from: sound)
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [1, 3])
        }
    }

    @Test func `stops a device whose event it does not come back from, and no other`() async throws {
        var bounds = FoldBounds()
        bounds.time = .seconds(2)
        try await withView(.hanging(2), bounds: bounds) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [0, 2])
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            #expect(stuck.id == broken && stuck.version == 2 && stuck.reason.contains("longer than"))
            mend()
            #expect(try await rebuilds.resume("devices", entity: nil).resumed == 1)
            #expect(try await counts(fleet) == [2, 2])
        }
    }

    @Test func `pauses as a whole when it does not come back again and again`() async throws {
        var bounds = FoldBounds()
        bounds.time = .seconds(2)
        bounds.lostThreads = 1
        try await withView(.hanging(2), bounds: bounds) { fleet, log, rebuilds in
            try await eventually("the view pauses") { try await view(log).state == .paused }
            #expect(try await view(log).failure?.contains("did not return 1 times") == true)
        }
    }

    @Test func `stops a device whose row grows too large, and no other`() async throws {
        var bounds = FoldBounds()
        (bounds.bytes, bounds.bytesPerEvent) = (100_000, 0)
        try await withView(.swelling(2), bounds: bounds) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet).last == 2)
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            #expect(stuck.id == broken && stuck.reason.contains("more than 100000"))
        }
    }

    @Test func `does not go on over what has left the log meanwhile`() async throws {
        try await withView(.throwing(2)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            mend()
            try await log.asSuperuser(
                "insert into stream_floors values ('device-\(broken)', \(stuck.version), \(stuck.position))")
            let outcome = try await rebuilds.resume("devices", entity: broken)
            #expect(outcome.resumed == 0 && outcome.stuck.first?.reason.contains("have left the log") == true)
            #expect(try await rebuilds.stuck("devices", limit: 9).map(\.id) == [broken])
        }
    }

    @Test func `stops no device because much of what it has sent comes at once`() async throws {
        var bounds = FoldBounds()
        bounds.bytes = 0
        try await withView(.throwing(.max), bounds: bounds) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [2, 2])
            #expect(try await rebuilds.stuck("devices", limit: 9).isEmpty)
        }
    }

    @Test func `pauses as a whole when too many are stuck, and says so`() async throws {
        var bounds = FoldBounds()
        bounds.stuck = 0
        try await withView(.throwing(2), bounds: bounds) { fleet, log, rebuilds in
            try await eventually("the view pauses") { try await view(log).state == .paused }
            #expect(try await view(log).failure == "1 entities are stuck, more than 0")
            try await fleet.report(3, from: sound)
            mend()
            #expect(try await rebuilds.resume("devices", entity: nil).resumed == 1)
            try await fleet.viewReachesHead()
            #expect(try await view(log).state == .live)
            #expect(try await counts(fleet) == [2, 3])
        }
    }

    @Test func `is paused by an operator, and goes on where it was`() async throws {
        try await withView(.throwing(.max)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            try await rebuilds.pause("devices", reason: "let us see", by: "somebody")
            let paused = try await view(log)
            #expect(paused.state == .paused && paused.failure == "let us see")
            for _ in 0..<5 { try await fleet.report(3, from: sound) }
            try await eventually("others know of the events") { log.store.signal.position >= 11 }
            #expect(try await view(log).position == paused.position)
            #expect(try await rebuilds.resume("devices", entity: nil) == Resumption())
            try await fleet.viewReachesHead()
            #expect(try await counts(fleet) == [2, 7])
        }
    }

    @Test func `is rebuilt all the same, without the device that it cannot take in`() async throws {
        try await withView(.throwing(3)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            let begun = try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            let ended = try await log.withRebuilding([FaultyDevices.self]) { try await log.end(of: begun) }
            #expect(ended.comparison?.isIdentical == true)
            #expect(try await rebuilds.stuck("devices", limit: 9).map(\.id) == [broken])
            // One rebuild by sound code is enough.
            let mended = try await log.rebuild("devices")
            #expect(mended.comparison?.sample.map(\.id) == [broken])
            #expect(try await view(log).stuckCount == 0)
            #expect(try await counts(fleet) == [2, 2])
        }
    }

    @Test func `is rebuilt although it does not come back from an event`() async throws {
        try await withView(.throwing(3)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            let begun = try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            breakDown(.hanging(3))
            var pace = RebuildPace.eager
            pace.bounds.time = .seconds(2)
            _ = try await log.withRebuilding([FaultyDevices.self], pace: pace) { try await log.end(of: begun) }
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            #expect(stuck.id == broken && stuck.reason.contains("longer than"))
            #expect(try await counts(fleet) == [1, 2])
        }
    }

    @Test func `is rebuilt without a device whose row grows too large`() async throws {
        try await withView(.throwing(.max)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            breakDown(.swelling(2))
            let begun = try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            var pace = RebuildPace.eager
            (pace.bounds.bytes, pace.bounds.bytesPerEvent) = (100_000, 10)
            _ = try await log.withRebuilding([FaultyDevices.self], pace: pace) { try await log.end(of: begun) }
            let stuck = try #require(try await rebuilds.stuck("devices", limit: 9).first)
            // It has three events.
            #expect(stuck.id == broken && stuck.version == 1 && stuck.reason.contains("more than 100030"))
            #expect(try await counts(fleet) == [nil, 2])
        }
    }

    @Test func `is rebuilt with a device whose row is as large as its events allow`() async throws {
        try await withView(.throwing(.max)) { fleet, log, rebuilds in
            try await fleet.viewReachesHead()
            let begun = try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            var pace = RebuildPace.eager
            pace.bounds.bytes = 0
            _ = try await log.withRebuilding([FaultyDevices.self], pace: pace) { try await log.end(of: begun) }
            #expect(try await rebuilds.stuck("devices", limit: 9).isEmpty)
            #expect(try await counts(fleet) == [2, 2])
        }
    }
}
