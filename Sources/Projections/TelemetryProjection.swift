import Aggregates
package import Runtime

/// How long the windows of the view `telemetry` are; those of a day are made of those of an hour when they are asked for.
package enum WindowLength: Int32, Sendable, CaseIterable {
    case minute = 60
    case hour = 3_600

    /// When the window begins in which a time lies.
    package func start(of time: Timestamp) -> Timestamp {
        let length = Int64(rawValue) * 1_000_000
        let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: length)
        return Timestamp(microseconds: (remainder < 0 ? quotient - 1 : quotient) * length)
    }
}

/// The numbers of one metric of a device in one window of time.
package struct TelemetryWindow: Sendable, Hashable {
    package var device: String
    /// Whose the device was when the readings were recorded: who gets it later does not see them.
    package var account: String
    package var metric: String
    package var length: WindowLength
    package var start: Timestamp
    package private(set) var summary: WindowSummary
    /// Nil if all of its readings are here to stay.
    package private(set) var provisional: ProvisionalNumbers?

    package init(
        device: String, account: String, metric: String, length: WindowLength, start: Timestamp, summary: WindowSummary,
        provisional: ProvisionalNumbers? = nil
    ) {
        self.device = device
        self.account = account
        self.metric = metric
        self.length = length
        self.start = start
        self.summary = summary
        self.provisional = provisional
    }

    mutating func merge(_ other: TelemetryWindow) {
        if provisional != nil || other.provisional != nil {
            var numbers = provisional ?? ProvisionalNumbers(settled: summary)
            numbers.merge(other.provisional ?? ProvisionalNumbers(settled: other.summary))
            provisional = numbers
        }
        summary.merge(other.summary)
    }

    /// Takes the numbers of these readings out of the window; it is to go if none is left.
    mutating func remove(
        _ readings: Set<ProvisionalReading>
    ) -> (removed: [ProvisionalNumbers.Number], isEmpty: Bool) {
        guard var numbers = provisional else { return ([], false) }
        let removed = numbers.remove(readings)
        guard let summary = numbers.summary else { return (removed, true) }
        self.summary = summary
        provisional = numbers.all.isEmpty ? nil : numbers
        return (removed, false)
    }
}

/// The view `telemetry`: what each device has measured, by minute and hour of the corrected observed time.
///
/// A late reading corrects the window in which it belongs, and one that is dated anew leaves its window for another. Numbers
/// are summed up, and `true` and `false` as 1 and 0; texts are in the log only. A window that has readings goes only with its
/// generation: that telemetry has left the log is no reason.
package enum TelemetryProjection: WideProjection {
    package static let name = "telemetry"
    package static let category = Device.category
    package static let table = "telemetry_windows"
    package static let key = """
        device || '/' || account || '/' || length || '/' || extract(epoch from start)::bigint || '/' || metric
        """
    package static let streamColumn = "device"

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact): windows(of: fact, event).map { id(of: $0) }
        case .readingsRedated(let fact): moves(of: fact, event).flatMap { [$0.from, $0.to] }.map { id(of: $0) }
        default: []
        }
    }

    package static func rowCount(of event: RecordedEvent) throws(EventCodecError) -> Int {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact): fact.metrics.count * WindowLength.allCases.count
        // From one window to another.
        case .readingsRedated(let fact): fact.readings.count * fact.metrics.count * WindowLength.allCases.count * 2
        default: 0
        }
    }

    /// No reading is in a window that begins after all of them. One that is dated anew may be in any.
    package static func ids(of event: RecordedEvent, after time: Timestamp?) throws(EventCodecError) -> [String] {
        guard let time else { return [] }
        guard case .telemetryRecorded(let fact) = try Device.codec.decode(event) else { return try ids(of: event) }
        let observed = fact.correctedTime(event.observedTime)
        let lengths = WindowLength.allCases.filter { $0.start(of: observed) <= time }
        return lengths.isEmpty ? [] : windows(of: fact, event, lengths).map { id(of: $0) }
    }

    package static func prepared(_ event: RecordedEvent) -> RecordedEvent {
        event.decoded(by: { event throws(EventCodecError) in try Device.codec.decode(event) })
    }

    package static func life(of row: TelemetryWindow) -> RowLife? {
        RowLife(
            stream: row.device, newest: row.summary.lastTime, end: row.start + .seconds(Int64(row.length.rawValue)))
    }

    package static func evolve(
        _ rows: inout ViewRows<TelemetryWindow>, with event: RecordedEvent
    ) throws(EventCodecError) {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            for window in windows(of: fact, event) { merge(window, into: &rows) }
        case .readingsRedated(let fact): move(fact, event, in: &rows)
        default: break
        }
    }

    private static func merge(_ window: TelemetryWindow, into rows: inout ViewRows<TelemetryWindow>) {
        let id = id(of: window)
        merge(window, into: &rows[id])
    }

    private static func merge(_ window: TelemetryWindow, into row: inout TelemetryWindow?) {
        if row?.merge(window) == nil { row = window }
    }

    /// A reading as windows of its own.
    private static func windows(
        of fact: TelemetryRecorded, _ event: RecordedEvent, _ lengths: [WindowLength] = WindowLength.allCases
    ) -> [TelemetryWindow] {
        let time = fact.correctedTime(event.observedTime)
        let (device, account) = (event.stream.id, event.metadata.account.rawValue)
        let places = lengths.map { ($0, $0.start(of: time)) }
        let reading = ProvisionalReading(fact, at: event.observedTime)
        var windows: [TelemetryWindow] = []
        windows.reserveCapacity(fact.metrics.count * lengths.count)
        for (metric, value) in fact.metrics {
            guard let number = value.measure else { continue }
            let summary = WindowSummary(number, at: time)
            for (length, start) in places {
                windows.append(
                    TelemetryWindow(
                        device: device, account: account, metric: metric, length: length, start: start,
                        summary: summary,
                        provisional: reading.map { ProvisionalNumbers(number, of: $0) }))
            }
        }
        return windows
    }

    /// A reading is late if it is recorded when its minute is over, and somewhat more: from when it was made. What is there of
    /// windows that are over so long changes with it, and with readings that are dated anew.
    package static func lateness(of event: RecordedEvent, onto rows: ViewRows<TelemetryWindow>) -> Lateness? {
        var lateness = Lateness()
        switch try? Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            let time = fact.correctedTime(event.observedTime)
            guard isOver(.minute, at: time, by: event.recordedTime) else { return nil }
            lateness.seconds = [(event.recordedTime - time) / .seconds(1)]
            for window in windows(of: fact, event) where isOver(window.length, at: time, by: event.recordedTime) {
                let id = id(of: window)
                if rows[id] != nil { lateness.recalculated.insert(id) }
            }
        case .readingsRedated(let fact):
            for move in moves(of: fact, event) {
                for id in [id(of: move.from), id(of: move.to)] where rows[id] != nil {
                    lateness.recalculated.insert(id)
                }
            }
        default: return nil
        }
        return lateness
    }

    private static let grace = Duration.seconds(60)

    private static func isOver(_ length: WindowLength, at time: Timestamp, by now: Timestamp) -> Bool {
        now >= length.start(of: time) + .seconds(Int64(length.rawValue)) + grace
    }

    private struct WindowPlace: Hashable {
        var device: String
        var account: String
        var metric: String
        var length: WindowLength
        var start: Timestamp
    }

    /// From which window to which one a number of a reading goes, if it has that metric.
    private static func moves(
        of fact: ReadingsRedated, _ event: RecordedEvent
    ) -> [(reading: ProvisionalReading, from: WindowPlace, to: WindowPlace)] {
        var moves: [(reading: ProvisionalReading, from: WindowPlace, to: WindowPlace)] = []
        moves.reserveCapacity(fact.readings.count * fact.metrics.count * WindowLength.allCases.count)
        for metric in fact.metrics {
            for length in WindowLength.allCases {
                for reading in fact.readings {
                    let from = WindowPlace(
                        // Another account does not get readings, so those that move are of this one.
                        device: event.stream.id, account: event.metadata.account.rawValue, metric: metric,
                        length: length, start: length.start(of: reading.arrival))
                    var to = from
                    to.start = length.start(of: fact.time(of: reading))
                    moves.append((reading, from, to))
                }
            }
        }
        return moves
    }

    private static func move(
        _ fact: ReadingsRedated, _ event: RecordedEvent, in rows: inout ViewRows<TelemetryWindow>
    ) {
        let moves = Dictionary(grouping: moves(of: fact, event), by: \.from)
        for (from, moves) in moves {
            let id = id(of: from)
            guard var window = rows[id], window.provisional != nil else { continue }
            let (removed, isEmpty) = window.remove(Set(moves.map(\.reading)))
            rows[id] = isEmpty ? nil : window
            for number in removed {
                let time = fact.time(of: number.reading)
                merge(
                    TelemetryWindow(
                        device: from.device, account: from.account, metric: from.metric, length: from.length,
                        start: from.length.start(of: time), summary: WindowSummary(number.number, at: time)),
                    into: &rows)
            }
        }
    }

    private static func id(of place: WindowPlace) -> String {
        id(place.device, place.account, place.length, place.start, place.metric)
    }

    package static func id(of row: TelemetryWindow) -> String {
        id(row.device, row.account, row.length, row.start, row.metric)
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
        id += length.partOfID
        id += String(start.microseconds / 1_000_000)
        id += "/"
        id += metric
        return id
    }
}

extension WindowLength {
    fileprivate var partOfID: String {
        switch self {
        case .minute: "/60/"
        case .hour: "/3600/"
        }
    }
}
