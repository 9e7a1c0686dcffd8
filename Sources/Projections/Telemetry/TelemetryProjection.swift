import Aggregates
package import Runtime

/// The view `telemetry`: what each device has measured, by minute and hour of the corrected observed time.
///
/// A row is an hour of one metric, with its minutes in it: what is asked for together lies together. A late reading corrects
/// the windows in which it belongs, and one that is dated anew leaves them for others. Numbers are summed up, and `true` and
/// `false` as 1 and 0; texts are in the log only. An hour that has readings goes only with its generation: that telemetry has
/// left the log is no reason.
package enum TelemetryProjection: WideProjection {
    package static let name = "telemetry"
    package static let category = Device.category
    package static let table = "telemetry_windows"
    package static let key = """
        device || '/' || account || '/' || length || '/' || extract(epoch from start)::bigint || '/' || metric
        """
    package static let streamColumn = "device"

    /// From 2 on a row has the minutes of its hour.
    package static let definition: Int32 = 2

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            let places = HourPlaces(of: event, at: fact.correctedTime(event.observedTime))
            return fact.metrics.compactMap { metric, value in value.measure.map { _ in places.id(of: metric) } }
        case .readingsRedated(let fact):
            return moves(of: fact, event).flatMap { [$0.from.id(of: $0.metric), $0.to.id(of: $0.metric)] }
        default: return []
        }
    }

    package static func rowCount(of event: RecordedEvent) throws(EventCodecError) -> Int {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact): fact.metrics.count
        // From one hour to another.
        case .readingsRedated(let fact): fact.readings.count * fact.metrics.count * 2
        default: 0
        }
    }

    /// No reading is in an hour that begins after all of them. One that is dated anew may be in any.
    package static func ids(of event: RecordedEvent, after time: Timestamp?) throws(EventCodecError) -> [String] {
        guard let time else { return [] }
        if case .telemetryRecorded(let fact) = try Device.codec.decode(event),
            WindowLength.hour.start(of: fact.correctedTime(event.observedTime)) > time
        {
            return []
        }
        return try ids(of: event)
    }

    package static func prepared(_ event: RecordedEvent) -> RecordedEvent {
        event.decoded(by: { event throws(EventCodecError) in try Device.codec.decode(event) })
    }

    package static func life(of row: TelemetryHour) -> RowLife? {
        RowLife(stream: row.device, newest: row.summary.lastTime, end: row.start + .seconds(3_600))
    }

    package static func evolve(
        _ rows: inout ViewRows<TelemetryHour>, with event: RecordedEvent
    ) throws(EventCodecError) {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            let time = fact.correctedTime(event.observedTime)
            let reading = ProvisionalReading(fact, at: event.observedTime)
            let places = HourPlaces(of: event, at: time)
            for (metric, value) in fact.metrics {
                guard let number = value.measure else { continue }
                insert(number, of: metric, at: time, reading, places, into: &rows[places.id(of: metric)])
            }
        case .readingsRedated(let fact): move(fact, event, in: &rows)
        default: break
        }
    }

    private static func insert(
        _ number: Double, of metric: String, at time: Timestamp, _ reading: ProvisionalReading?, _ places: HourPlaces,
        into row: inout TelemetryHour?
    ) {
        if row?.insert(number, at: time, reading) == nil {
            row = TelemetryHour(
                device: places.device, account: places.account, metric: metric, start: places.start, number, at: time,
                reading)
        }
    }

    /// A reading is late if it is recorded when its minute is over, and somewhat more: from when it was made. What is there of
    /// windows that are over so long changes with it, and with readings that are dated anew.
    package static func lateness(of event: RecordedEvent, onto rows: ViewRows<TelemetryHour>) -> Lateness? {
        var lateness = Lateness()
        switch try? Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            let time = fact.correctedTime(event.observedTime)
            guard isOver(.minute, at: time, by: event.recordedTime) else { return nil }
            lateness.seconds = [(event.recordedTime - time) / .seconds(1)]
            let lengths = WindowLength.allCases.filter { isOver($0, at: time, by: event.recordedTime) }
            let places = HourPlaces(of: event, at: time)
            for (metric, value) in fact.metrics where value.measure != nil {
                lateness.recalculated.formUnion(windows(of: metric, at: time, places, lengths, in: rows))
            }
        case .readingsRedated(let fact):
            for move in moves(of: fact, event) {
                for (time, places) in [(move.reading.arrival, move.from), (fact.time(of: move.reading), move.to)] {
                    lateness.recalculated.formUnion(
                        windows(of: move.metric, at: time, places, WindowLength.allCases, in: rows))
                }
            }
        default: return nil
        }
        return lateness
    }

    /// The windows of a time that have readings.
    private static func windows(
        of metric: String, at time: Timestamp, _ places: HourPlaces, _ lengths: [WindowLength],
        in rows: ViewRows<TelemetryHour>
    ) -> [String] {
        guard let hour = rows[places.id(of: metric)] else { return [] }
        return lengths.filter { $0 == .hour || hour.hasMinute(of: time) }.map { length in
            id(places.device, places.account, length, length.start(of: time), metric)
        }
    }

    private static let grace = Duration.seconds(60)

    private static func isOver(_ length: WindowLength, at time: Timestamp, by now: Timestamp) -> Bool {
        now >= length.start(of: time) + .seconds(Int64(length.rawValue)) + grace
    }

    /// The rows that a device's metrics have of one hour.
    private struct HourPlaces: Hashable {
        let device: String
        let account: String
        let start: Timestamp

        init(of event: RecordedEvent, at time: Timestamp) {
            device = event.stream.id
            // Another account does not get readings, so those that move are of this one.
            account = event.metadata.account.rawValue
            start = WindowLength.hour.start(of: time)
        }

        func id(of metric: String) -> String { TelemetryProjection.id(device, account, .hour, start, metric) }
    }

    private struct Move {
        let metric: String
        let reading: ProvisionalReading
        let from: HourPlaces
        let to: HourPlaces
    }

    /// From which hour to which one a number of a reading goes, if it has that metric.
    private static func moves(of fact: ReadingsRedated, _ event: RecordedEvent) -> [Move] {
        fact.metrics.flatMap { metric in
            fact.readings.map { reading in
                Move(
                    metric: metric, reading: reading, from: HourPlaces(of: event, at: reading.arrival),
                    to: HourPlaces(of: event, at: fact.time(of: reading)))
            }
        }
    }

    private static func move(
        _ fact: ReadingsRedated, _ event: RecordedEvent, in rows: inout ViewRows<TelemetryHour>
    ) {
        let moves = Dictionary(grouping: moves(of: fact, event)) { $0.from.id(of: $0.metric) }
        for (id, moves) in moves {
            guard var hour = rows[id], !hour.provisional.isEmpty else { continue }
            let (removed, isEmpty) = hour.remove(Set(moves.map(\.reading)))
            if removed.isEmpty { continue }
            rows[id] = isEmpty ? nil : hour
            for number in removed {
                let time = fact.time(of: number.reading)
                let places = HourPlaces(of: event, at: time)
                insert(
                    number.number, of: hour.metric, at: time, nil, places, into: &rows[places.id(of: hour.metric)])
            }
        }
    }

    package static func id(of row: TelemetryHour) -> String {
        id(row.device, row.account, .hour, row.start, row.metric)
    }

    /// Only a metric's name may hold a slash, so it is the last part.
    private static func id(
        _ device: String, _ account: String, _ length: WindowLength, _ start: Timestamp, _ metric: String
    ) -> String {
        // A rebuild makes millions of them, so each is put together in one place.
        var id = ""
        id.reserveCapacity(device.utf8.count + account.utf8.count + metric.utf8.count + 20)
        id += device
        id += "/"
        id += account
        id += length.part
        id += String(start.microseconds / 1_000_000)
        id += "/"
        id += metric
        return id
    }
}
