import Logging
import Projections
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A view whose code does not return from events of many devices` {
    /// Ids that no other test uses.
    private let devices = (0..<5).map { "hanging-\($0)-\(UInt64.random(in: 0 ... .max))" }

    private func hang(_ ids: [String]) {
        FaultyDevices.faults.withLock { faults in for id in ids { faults[id] = .hanging(2) } }
    }
    private func mend(_ ids: [String]) {
        FaultyDevices.faults.withLock { faults in for id in ids { faults[id] = nil } }
    }

    /// Devices that have reported once each, one behind the other in one page of the log.
    private func withFleet(_ body: @Sendable (Fleet, PostgresLog) async throws -> Void) async throws {
        defer { mend(devices) }
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in devices {
                try await fleet.register(id)
                try await fleet.report(1, from: id)
            }
            try await body(fleet, log)
        }
    }

    private func bounds(lostThreads: Int) -> FoldBounds {
        var bounds = FoldBounds()
        bounds.time = .seconds(2)
        bounds.lostThreads = lostThreads
        return bounds
    }

    private func withView(
        _ log: PostgresLog, lostThreads: Int, _ body: @Sendable () async throws -> Void
    ) async throws {
        let runner = ProjectionRunner(
            FaultyDevices.self, log: log.store, pool: log.pool, logger: Logger(label: "test"),
            bounds: bounds(lostThreads: lostThreads))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func view(_ fleet: Fleet) async throws -> ProjectionStatus {
        try #require(try await fleet.queries().projections().first { $0.name == FaultyDevices.name })
    }

    private func stuck(_ log: PostgresLog) async throws -> [String] {
        try await log.rebuilds([FaultyDevices.self]).stuck("devices", limit: 9).map(\.id)
    }

    private func counts(_ fleet: Fleet) async throws -> [Int64?] {
        var counts: [Int64?] = []
        for id in devices { counts.append(try await fleet.queries().device(id, scope: .all)?.telemetryCount) }
        return counts
    }

    @Test func `pauses as soon as so many threads are lost, and has stored what it knows by then`() async throws {
        try await withFleet { fleet, log in
            hang(devices)
            try await withView(log, lostThreads: 2) {
                try await eventually("the view pauses") { try await view(fleet).state == .paused }
                let paused = try await view(fleet)
                #expect(paused.failure == "its code did not return 2 times" && paused.position == 4)
                #expect(try await stuck(log) == Array(devices.prefix(2)))
                mend(devices)
                let resumed = try await log.rebuilds([FaultyDevices.self]).resume("devices", entity: nil)
                #expect(resumed == Resumption(resumed: 2))
                try await fleet.viewReachesHead()
            }
            #expect(try await counts(fleet) == [1, 1, 1, 1, 1])
        }
    }

    @Test func `costs no server a thread for what another one has met`() async throws {
        try await withFleet { fleet, log in
            hang(Array(devices.prefix(2)))
            try await withView(log, lostThreads: 9) {
                try await eventually("the first is known while the second is tried") {
                    try await stuck(log) == [devices[0]]
                }
            }
            mend([devices[1]])
            try await withView(log, lostThreads: 1) { try await fleet.viewReachesHead() }
            #expect(try await view(fleet).state == .live)
            #expect(try await stuck(log) == [devices[0]])
            #expect(try await counts(fleet) == [0, 1, 1, 1, 1])
        }
    }

    @Test func `is not tried again with all of them when it still does not return`() async throws {
        try await withFleet { fleet, log in
            hang(devices)
            try await withView(log, lostThreads: 9) {
                try await eventually("all stand still") { try await stuck(log) == devices }
            }
            mend(Array(devices.dropFirst(2)))
            let rebuilds = PostgresRebuilds(
                [FaultyDevices.self], store: log.store, pool: log.pool, bounds: bounds(lostThreads: 2))
            let first = try await rebuilds.resume("devices", entity: nil)
            #expect(first.resumed == 0 && first.stuck.map(\.id) == devices)
            #expect(try await rebuilds.resume("devices", entity: devices[4]) == Resumption(resumed: 1))
            mend(devices)
            #expect(try await rebuilds.resume("devices", entity: nil) == Resumption(resumed: 4))
            #expect(try await counts(fleet) == [1, 1, 1, 1, 1])
        }
    }

    // MARK: Rebuilt

    private func pace(lostThreads: Int) -> RebuildPace {
        var pace = RebuildPace.eager
        pace.bounds = bounds(lostThreads: lostThreads)
        // So that they are met one after the other.
        pace.shards = 1
        return pace
    }

    @Test func `fails to be rebuilt when so many threads are lost, and says so`() async throws {
        try await withFleet { fleet, log in
            try await fleet.withLiveView {}
            hang(devices)
            let rebuilds = log.rebuilds([FaultyDevices.self])
            let begun = try await rebuilds.start("devices", eventLimit: nil, acceptingLoss: false, askedBy: "a test")
            try await log.withRebuilding([FaultyDevices.self], pace: pace(lostThreads: 2)) {
                try await eventually("the rebuild fails") {
                    try await log.status("devices").rebuild?.state == .failed
                }
            }
            let failure = try await log.status("devices").rebuild?.failure
            #expect(failure == "the view's code did not return 2 times, the last time from the event at position 4")
            #expect(try await log.number("select count(*) from stuck_entities where generation = 2") == 2)
            // By better code it goes on, and what it was given up for is as in any view.
            mend(devices)
            _ = try await rebuilds.resume("devices")
            _ = try await log.withRebuilding([FaultyDevices.self]) { try await log.end(of: begun) }
            #expect(try await stuck(log) == Array(devices.prefix(2)))
            #expect(try await counts(fleet) == [0, 0, 1, 1, 1])
        }
    }

    @Test func `is rebuilt without those that it does not return from near the head`() async throws {
        try await withFleet { fleet, log in
            try await fleet.withLiveView {}
            let rebuilds = log.rebuilds([FaultyDevices.self])
            // It rests near enough to the head to be brought up while the live view waits.
            let begun = try await rebuilds.start("devices", eventLimit: 1, acceptingLoss: false, askedBy: "a test")
            try await log.withRebuilding([FaultyDevices.self]) {
                try await eventually("something is folded") {
                    try await log.status("devices").rebuild?.progress.events ?? 0 >= 1
                }
                _ = try await rebuilds.pause("devices")
            }
            _ = try await log.number("with u as (update rebuilds set event_limit = null) select 1::bigint")
            hang(Array(devices.suffix(2)))
            try await log.withRebuilding([FaultyDevices.self], pace: pace(lostThreads: 3)) {
                _ = try await rebuilds.resume("devices")
                _ = try await log.end(of: begun)
            }
            #expect(try await stuck(log) == Array(devices.suffix(2)))
            #expect(try await counts(fleet) == [1, 1, 1, 0, 0])
        }
    }
}
