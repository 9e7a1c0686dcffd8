import Aggregates
import Projections
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A past view` {
    private func withBuilder(
        _ fleet: Fleet, _ change: (inout PastBuilder.Bounds) -> Void = { _ in },
        _ body: @Sendable (PostgresPastViews) async throws -> Void
    ) async throws {
        try await fleet.log.withPasts(change, body)
    }

    private func generations(_ fleet: Fleet) async throws -> Int64? {
        try await fleet.log.pool.withConnection {
            try await $0.query(
                Statement.unprepared("count", "select count(distinct generation) from devices where generation < 0")())
        }.first?.int8(0)
    }

    @Test func `is the view as it was at each position, beside the live one`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await withBuilder(fleet, { $0.rows = 1 }) { past in
                try await fleet.withLiveView {
                    for id in ["a", "b", "c"] {
                        try await fleet.register(id)
                        try await fleet.report(1, from: "a")
                    }
                }
                let head = try await log.store.head().position
                let filter = LogFilter(category: "device", scope: .all)
                let events = try await log.store.readLog(after: 0, where: filter, limit: 100).events
                for position in [0, 1, 3, head] {
                    var rows = ViewRows<DeviceRow>()
                    for event in events where event.position <= position {
                        try DevicesProjection.evolve(&rows, with: event)
                    }
                    let wanted = rows.changed
                    let queries = try await past.views(["devices", "alerts"], asOf: position)
                    let found = try await queries.devices(scope: .all, where: DeviceFilter(), after: nil, limit: 10)
                    #expect(found == wanted, "\(position)")
                    #expect(try await queries.fleetCounts().reduce(0) { $0 + $1.devices } == Int64(wanted.count))
                    #expect(try await queries.recentTraffic().reduce(0) { $0 + $1.events } == position)
                    #expect(try await queries.alertCounts().isEmpty)
                    let online = DeviceFilter(connectivity: .online)
                    #expect(
                        try await queries.devices(scope: .all, where: online, after: nil, limit: 10)
                            == wanted.filter { $0.connectivity.presence == .online })
                }
                let live = try await fleet.queries().devices(scope: .all, where: DeviceFilter(), after: nil, limit: 10)
                #expect(live.map(\.id) == ["a", "b", "c"])
                await #expect(throws: PastViewError.notReached(head: head)) {
                    _ = try await past.views(["devices"], asOf: head + 1)
                }
            }
        }
    }

    @Test func `has the devices flapping that were then, though that is long over`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.register("a")
            let before = try await log.store.head().position
            for change in 0..<Connectivity.mostChanges {
                let report = StatusReport(isOnline: change % 2 == 0)
                try await fleet.send(.reportStatus(report), to: "a", at: .now() - .seconds(43_200))
            }
            let head = try await log.store.head().position
            try await log.tamper("update events set recorded_time = recorded_time - interval '1 day'")
            try await withBuilder(fleet) { past in
                let flapping = DeviceFilter(connectivity: .flapping)
                for (position, wanted) in [(before, []), (head, ["a"])] {
                    let views = try await past.views(["devices"], asOf: position)
                    let found = try await views.devices(scope: .all, where: flapping, after: nil, limit: 9)
                    #expect(found.map(\.id) == wanted)
                }
            }
        }
    }

    @Test func `is compared with another one`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] { try await fleet.register(id) }
            let start = try await log.store.head().position
            try await fleet.register("c", account: AccountID("north"))
            try await fleet.report(1, from: "a")
            let end = try await log.store.head().position
            try await withBuilder(fleet) { past in
                let all = try await past.difference(from: start, to: end, scope: .all, after: nil, limit: 9)
                #expect(all.devices.map(\.id) == ["a", "c"] && all.devices[1].from == nil)
                #expect(all.devices[0].from?.state == "provisioned" && all.devices[0].to?.state == "active")
                var counts = FleetDifference.Counts()
                (counts.came, counts.state, counts.presence) = (1, 1, 1)
                #expect(all.counts == counts)
                let back = try await past.difference(from: end, to: start, scope: .all, after: "a", limit: 9)
                #expect(back.counts.went == 1 && back.devices.map(\.id) == ["c"] && back.devices[0].to == nil)
                let own = AccountScope.only(AccountID("north"))
                let north = try await past.difference(from: start, to: end, scope: own, after: nil, limit: 9)
                #expect(north.devices.map(\.id) == ["c"] && north.counts.came == 1 && north.counts.state == 0)
            }
        }
    }

    @Test func `is folded once, bounded in number and time, and goes when nobody asks`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for number in 0..<9 { try await fleet.register("d\(number)") }
            try await withBuilder(fleet) { past in
                for _ in 0..<3 { _ = try await past.views(["devices"], asOf: 3) }
                #expect(try await generations(fleet) == 1)
                for position in Int64(1)...8 { _ = try await past.views(["devices"], asOf: position) }
                await #expect(throws: PastViewError.tooMany) { _ = try await past.views(["devices"], asOf: 9) }
                #expect(try await generations(fleet) == 8)
            }
            try await withBuilder(fleet, { $0.keep = .zero }) { _ in
                try await eventually("nothing of the past is left") { try await generations(fleet) == 0 }
            }
            try await withBuilder(fleet, { $0.time = .zero }) { past in
                await #expect(throws: PastViewError.self) { _ = try await past.views(["devices"], asOf: 9) }
            }
            let waiting = PostgresPastViews(views, pool: log.pool, patience: .zero)
            await #expect(throws: PastViewError.beingBuilt) { _ = try await waiting.views(["devices"], asOf: 2) }
        }
    }

    @Test func `is refused once something has left the log, also where it was folded before`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] { try await fleet.register(id) }
            try await withBuilder(fleet) { past in
                _ = try await past.views(["devices"], asOf: 1)
                try await log.asSuperuser(
                    """
                    insert into stream_floors (stream, version, position) values ('device-a', 1, 1)
                    """)
                for position: Int64 in [1, 2] {
                    await #expect(throws: PastViewError.retained) {
                        _ = try await past.views(["devices"], asOf: position)
                    }
                }
                await #expect(throws: PastViewError.retained) {
                    _ = try await past.difference(from: 1, to: 2, scope: .all, after: nil, limit: 9)
                }
                // Of other streams nothing has left.
                _ = try await past.views(["alerts", "accounts", "rollouts"], asOf: 2)
                _ = try await past.views(["telemetry"], of: StreamName("device-b"), asOf: 2)
                await #expect(throws: PastViewError.retained) {
                    _ = try await past.views(["telemetry"], of: StreamName("device-a"), asOf: 2)
                }
            }
        }
    }

    @Test func `of which an interrupted builder has left rows is folded anew, without them`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b", "c"] { try await fleet.register(id) }
            try await withBuilder(fleet) { past in _ = try await past.views(["devices"], asOf: 3) }
            // As one leaves it that is killed on the way: still asked for, and rows there that it does not have.
            try await log.asSuperuser(
                """
                update past_views set state = 'asked', position = 2;
                update devices set name = 'half' where generation < 0 and id = 'b'
                """)
            try await withBuilder(fleet) { past in
                let queries = try await past.views(["devices"], asOf: 2)
                let found = try await queries.devices(scope: .all, where: DeviceFilter(), after: nil, limit: 10)
                #expect(found.map(\.id) == ["a", "b"] && found.allSatisfy { $0.name != "half" })
            }
            #expect(try await generations(fleet) == 1)
        }
    }

    @Test func `that nobody wants any more is deleted by the next builder, though one was killed at it`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] { try await fleet.register(id) }
            try await withBuilder(fleet) { past in _ = try await past.views(["devices"], asOf: 2) }
            // As far as it had come: given up, and some of the rows gone.
            try await log.asSuperuser(
                "update past_views set state = 'dropped'; delete from devices where generation < 0 and id = 'a'")
            try await withBuilder(fleet) { past in
                let queries = try await past.views(["devices"], asOf: 2)
                let found = try await queries.devices(scope: .all, where: DeviceFilter(), after: nil, limit: 10)
                #expect(found.map(\.id) == ["a", "b"])
                try await eventually("the rows of the one before are gone") { try await generations(fleet) == 1 }
            }
        }
    }

    @Test func `that the database does not take is given up, and holds no other up`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] { try await fleet.register(id) }
            try await log.asSuperuser("alter table devices add constraint full_up check (generation > 0 or id <> 'b')")
            try await withBuilder(fleet) { past in
                await #expect(throws: PastViewError.failed(reason: "the database does not take its rows")) {
                    _ = try await past.views(["devices"], asOf: 2)
                }
                _ = try await past.views(["devices"], asOf: 1)
            }
        }
    }

    @Test func `that finds no room is folded once there is some, though somebody asks all the time`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] { try await fleet.register(id) }
            try await log.asSuperuser(
                """
                create function refuse_row() returns trigger language plpgsql as
                    $$ begin raise exception 'no space left on device' using errcode = '53100'; end $$;
                create trigger refuse_row before insert on devices
                    for each row when (new.generation < 0) execute function refuse_row()
                """)
            try await withBuilder(fleet, { $0.rest = .milliseconds(200) }) { past in
                await #expect(throws: PastViewError.failed(reason: "the database cannot take its rows at the moment")) {
                    _ = try await past.views(["devices"], asOf: 2)
                }
                try await log.asSuperuser("drop trigger refuse_row on devices")
                try await eventually("it is folded") { (try? await past.views(["devices"], asOf: 2)) != nil }
            }
        }
    }

    @Test func `fails at an event that its code cannot take in, and shows no device as it was before`() async throws {
        let broken = "broken-\(UInt64.random(in: 0 ... .max))"
        FaultyDevices.faults.withLock { $0[broken] = .throwing(2) }
        defer { FaultyDevices.faults.withLock { $0[broken] = nil } }
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.register(broken)
            try await fleet.report(1, from: broken)
            let reason = "the view's code cannot take in the event at position 2"
            try await log.withPasts(of: [FaultyDevices.self]) { past in
                await #expect(throws: PastViewError.failed(reason: reason)) {
                    _ = try await past.views(["devices"], asOf: 2)
                }
                let stream = StreamName(category: Device.category, id: broken)
                await #expect(throws: PastViewError.failed(reason: reason + " of \(stream)")) {
                    _ = try await past.views(["devices"], of: stream, asOf: 2)
                }
                _ = try await past.views(["devices"], asOf: 1)
            }
        }
    }
}
