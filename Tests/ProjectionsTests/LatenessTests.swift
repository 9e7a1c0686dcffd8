import Aggregates
import Logging
import MetricsTestKit
import Projections
import Runtime
import Support
import Testing

@Suite struct `What comes late to a view` {
    private let start = Timestamp.now()

    /// Records readings that were made so many seconds ago; they are recorded as of now.
    private func record(_ ages: [Int64], by device: String, register: Bool = true, in log: PostgresLog) async throws {
        let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
        func send(_ command: Device.Command, at time: Timestamp) async throws {
            let context = CommandContext(time: time, principal: .system, scope: .all)
            _ = try await devices.send(CommandEnvelope(id: .v7(), command, context: context), to: device)
        }
        if register {
            let account = AccountStanding(id: .default, isActive: true)
            try await send(
                .register(
                    Registration(
                        serial: device, type: DeviceType("water"), name: "", labels: [:], account: account)),
                at: start)
        }
        for age in ages {
            let reading = Telemetry(
                metrics: ["level": .number(1), "status": .text("x")], seq: nil, clock: .device, arrival: start)
            try await send(.recordTelemetry(reading), at: start - .seconds(age))
        }
    }

    private func follow<P: WideProjection>(
        _ projection: P.Type, _ log: PostgresLog, _ body: @Sendable (TestMetrics) async throws -> Void
    ) async throws {
        let metrics = TestMetrics()
        let runner = ProjectionRunner(
            projection, log: log.store, pool: log.pool, logger: Logger(label: "test"), metrics: metrics)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await body(metrics)
        }
    }

    private func wait(for count: Int64, _ view: String, _ metrics: TestMetrics) async throws {
        try await eventually(within: .seconds(60), "\(count) late readings") {
            late(view, metrics).readings == count
        }
    }

    private func late(_ view: String, _ metrics: TestMetrics) -> (readings: Int64, seconds: [Double], windows: Int64) {
        let view = [("view", view)]
        return (
            metrics.counterTotal(label: "fleetlog_late_readings_total", dimensions: view),
            metrics.recorders(label: "fleetlog_late_reading_seconds", dimensions: view).flatMap(\.values).sorted(),
            metrics.counterTotal(label: "fleetlog_windows_recalculated_total", dimensions: view)
        )
    }

    @Test(arguments: [(0, false), (60, false), (119, false), (120, true), (600, true)])
    func `is late for its windows when its minute has been over for another one`(
        _ delay: Int64, _ isLate: Bool
    ) throws {
        let event = try event(reading, 1, at: minute, recorded: minute + .seconds(delay))
        let late = TelemetryProjection.lateness(of: event, onto: ViewRows())
        #expect(late?.seconds == (isLate ? [Double(delay)] : nil))
    }

    @Test func `is late for its device by what the newest reading is younger, and not when it is read again`() throws {
        var rows = ViewRows<DeviceRow>()
        let registered = DeviceRegistered(
            serial: "a", type: DeviceType("water"), name: "", labels: [:], account: .default)
        let early = try event(reading, 2, at: minute)
        for event in [
            try event(.registered(registered), 1, at: minute), early, try event(reading, 3, at: minute + .seconds(60)),
        ] { try DevicesProjection.evolve(&rows, with: event) }
        #expect(DevicesProjection.lateness(of: early, onto: rows) == nil)
        for (after, late) in [(30, [30.0]), (60, nil), (90, nil)] as [(Int64, [Double]?)] {
            let next = try event(reading, 4, at: minute + .seconds(after))
            #expect(DevicesProjection.lateness(of: next, onto: rows)?.seconds == late)
        }
    }

    private let minute = Timestamp(microseconds: 1_795_262_400_000_000)
    private let reading = Device.Event.telemetryRecorded(
        TelemetryRecorded(metrics: ["level": .number(1)], clock: .device))

    private func event(
        _ fact: Device.Event, _ version: Int64, at time: Timestamp, recorded: Timestamp? = nil
    ) throws -> RecordedEvent {
        let encoded = try Device.codec.encode(fact)
        return RecordedEvent(
            position: version, stream: StreamName(category: "device", id: "a"), version: version,
            recordedTime: recorded ?? time,
            event: NewEvent(
                id: .v7(), type: encoded.type, schemaVersion: encoded.schemaVersion, class: encoded.eventClass,
                observedTime: time, data: encoded.data,
                metadata: EventMetadata(principal: .device("a"), account: .default, commandID: .v7())))
    }

    @Test func `is counted by devices if it was made before what is there, with how much`() async throws {
        try await PostgresLog.with { log in
            try await record([600, 0, 300, 10, 0], by: "a", in: log)
            try await record([900, 800], by: "b", in: log)
            try await follow(DevicesProjection.self, log) { metrics in
                try await wait(for: 2, "devices", metrics)
                let found = late("devices", metrics)
                #expect(found.seconds == [10, 300] && found.windows == 0, "\(found)")
                #expect(try await log.number("select sum(late_count)::int8 from devices") == 2)
            }
        }
    }

    @Test func `is counted by windows that are over, and a rebuild counts nothing anew`() async throws {
        try await PostgresLog.with { log in
            // The second and the third of a week and a day ago come to the minute and the hour of the first.
            let (week, day) = (Int64(7 * 86_400), Int64(86_400))
            try await record([0, 0, week, week, week, day], by: "a", in: log)
            try await follow(TelemetryProjection.self, log) { metrics in
                try await wait(for: 4, "telemetry", metrics)
                let found = late("telemetry", metrics)
                #expect(found.windows == 2, "\(found)")
                #expect(found.seconds.map { ($0 / 86_400).rounded() } == [1, 7, 7, 7])
                #expect(try #require(try await log.rebuild("telemetry").comparison).isIdentical)
                // The rebuilt view goes on to count what comes.
                try await record([day], by: "a", register: false, in: log)
                try await wait(for: 5, "telemetry", metrics)
                #expect(late("telemetry", metrics).windows == 4)
                #expect(try await log.status("telemetry").generations.contains { $0.number == 2 && $0.role == .live })
            }
        }
    }
}
