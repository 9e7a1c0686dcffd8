import Aggregates
package import Runtime

/// The view `states`: what each device has said of its states, hour by hour of the corrected observed time, and whether it was
/// there.
///
/// A state holds until another one is observed, so it depends on the order of readings. They are kept as facts, in the order
/// in which they were observed; a late one is put among those of its hour, and that hour is gone through once more.
/// Readings without flags and texts do not concern the view. Connectivity is what the server heard, by the time at which it
/// did.
package enum StatesProjection: WideProjection {
    package static let name = "states"
    package static let category = Device.category
    package static let key = "device || '/' || account || '/' || extract(epoch from start)::bigint"
    package static let streamColumn = "device"
    /// 2: of a minute with many readings those count, too, that bring another state.
    package static let definition: Int32 = 2

    package static func concerns(_ event: RecordedEvent) -> Bool {
        // What cannot be read must be met when it is folded.
        guard let fact = try? Device.codec.decode(event) else { return true }
        guard case .telemetryRecorded(let reading) = fact else { return (try? ids(of: event))?.isEmpty == false }
        return reading.returned == true || StateSet.says(reading.metrics)
    }

    package static func ids(of event: RecordedEvent) throws(EventCodecError) -> [String] {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            var ids: [String] = []
            if StateSet.says(fact.metrics) { ids.append(id(event, at: fact.correctedTime(event.observedTime))) }
            if fact.returned == true { ids.append(id(event, at: arrival(of: fact, event))) }
            return ids
        case .readingsRedated(let fact):
            return Array(Set(fact.readings.flatMap { [id(event, at: $0.arrival), id(event, at: fact.time(of: $0))] }))
        case .connected, .disconnected, .messageRefused, .configurationReported, .commandAcknowledged, .commandEnded:
            return [id(event, at: event.observedTime)]
        case .fellSilent(let fact): return [id(event, at: event.observedTime), id(event, at: fact.lastSeenTime)]
        default: return []
        }
    }

    package static func prepared(_ event: RecordedEvent) -> RecordedEvent {
        event.decoded(by: { event throws(EventCodecError) in try Device.codec.decode(event) })
    }

    package static func life(of row: StateHour) -> RowLife? {
        RowLife(stream: row.device, newest: row.newest, end: row.start + .seconds(3_600))
    }

    /// No hour is there that begins after all that the device's hours are made of.
    package static func ids(of event: RecordedEvent, after time: Timestamp?) throws(EventCodecError) -> [String] {
        guard let time else { return [] }
        guard case .telemetryRecorded(let fact) = try Device.codec.decode(event) else { return try ids(of: event) }
        let isAfter = { (made: Timestamp) in WindowLength.hour.start(of: made) > time }
        guard isAfter(fact.correctedTime(event.observedTime)), isAfter(arrival(of: fact, event)) else {
            return try ids(of: event)
        }
        return []
    }

    package static func evolve(_ rows: inout ViewRows<StateHour>, with event: RecordedEvent) throws(EventCodecError) {
        switch try Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            if fact.returned == true { hear(at: arrival(of: fact, event), event, in: &rows) }
            guard let states = StateSet(fact.metrics) else { return }
            if let reading = ProvisionalReading(fact, at: event.observedTime) {
                let provisional = ProvisionalFact(reading: reading, version: event.version, states: states)
                change(event, at: reading.arrival, in: &rows) { $0.insert(provisional) }
            } else {
                let time = fact.correctedTime(event.observedTime)
                let state = StateFact(time: time, version: event.version, states: states)
                change(event, at: time, in: &rows) { $0.insert(state) }
            }
        case .readingsRedated(let fact): move(fact, event, in: &rows)
        case .connected: note(.online, at: event.observedTime, event, in: &rows)
        case .disconnected: note(.offline, at: event.observedTime, event, in: &rows)
        case .fellSilent(let fact):
            hear(at: fact.lastSeenTime, event, in: &rows)
            note(.offline, at: event.observedTime, event, in: &rows)
        case .messageRefused, .configurationReported, .commandAcknowledged, .commandEnded:
            hear(at: event.observedTime, event, in: &rows)
        default: break
        }
    }

    /// A reading is late if one of its hour was made later and is there; that hour is gone through once more, as are those
    /// between which readings move that are dated anew.
    package static func lateness(of event: RecordedEvent, onto rows: ViewRows<StateHour>) -> Lateness? {
        var lateness = Lateness()
        switch try? Device.codec.decode(event) {
        case .telemetryRecorded(let fact):
            guard StateSet.says(fact.metrics) else { return nil }
            let time = fact.correctedTime(event.observedTime)
            let id = id(event, at: time)
            guard let late = rows[id]?.lateness(of: time) else { return nil }
            lateness.seconds = [late / .seconds(1)]
            lateness.recalculated = [id]
        case .readingsRedated:
            for id in (try? ids(of: event)) ?? [] where rows[id] != nil { lateness.recalculated.insert(id) }
        default: return nil
        }
        return lateness
    }

    private static func arrival(of fact: TelemetryRecorded, _ event: RecordedEvent) -> Timestamp {
        fact.arrival(event.observedTime) ?? event.recordedTime
    }

    private static func change(
        _ event: RecordedEvent, at time: Timestamp, in rows: inout ViewRows<StateHour>,
        _ change: (inout StateHour) -> Void
    ) {
        let start = WindowLength.hour.start(of: time)
        let (device, account) = (event.stream.id, event.metadata.account.rawValue)
        let id = id(device, account, start)
        update(&rows[id], or: StateHour(device: device, account: account, start: start), change)
    }

    private static func update(
        _ row: inout StateHour?, or new: @autoclosure () -> StateHour, _ change: (inout StateHour) -> Void
    ) {
        // Taken out, so that its facts are not copied.
        var hour = row.take() ?? new()
        change(&hour)
        row = hour
    }

    private static func note(
        _ kind: ConnectivityFact.Kind, at time: Timestamp, _ event: RecordedEvent, in rows: inout ViewRows<StateHour>
    ) {
        change(event, at: time, in: &rows) {
            $0.insert(ConnectivityFact(time: time, version: event.version, kind: kind))
        }
    }

    /// Writes nothing if the device was there anyway.
    private static func hear(at time: Timestamp, _ event: RecordedEvent, in rows: inout ViewRows<StateHour>) {
        if rows[id(event, at: time)]?.isNews(heardAt: time) ?? true { note(.heard, at: time, event, in: &rows) }
    }

    private static func move(
        _ fact: ReadingsRedated, _ event: RecordedEvent, in rows: inout ViewRows<StateHour>
    ) {
        for (id, readings) in Dictionary(grouping: fact.readings, by: { id(event, at: $0.arrival) }) {
            guard let hour = rows[id], !hour.provisional.isEmpty else { continue }
            var changed = hour
            let moved = changed.remove(Set(readings))
            if moved.isEmpty { continue }
            rows[id] = changed.isEmpty ? nil : changed
            for old in moved {
                let time = fact.time(of: old.reading)
                let new = StateFact(time: time, version: old.version, states: old.states)
                change(event, at: time, in: &rows) { $0.insert(new) }
            }
        }
    }

    private static func id(_ event: RecordedEvent, at time: Timestamp) -> String {
        id(event.stream.id, event.metadata.account.rawValue, WindowLength.hour.start(of: time))
    }

    package static func id(of row: StateHour) -> String { id(row.device, row.account, row.start) }

    private static func id(_ device: String, _ account: String, _ start: Timestamp) -> String {
        var id = ""
        id.reserveCapacity(device.utf8.count + account.utf8.count + 14)
        id += device
        id += "/"
        id += account
        id += "/"
        id += String(start.microseconds / 1_000_000)
        return id
    }
}
