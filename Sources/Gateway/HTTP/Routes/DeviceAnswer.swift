import Aggregates
import Projections
import Runtime

/// A device as JSON.
struct DeviceAnswer: Encodable {
    var id: String
    var account: AccountID
    var serial: String
    var type: String
    var name: String
    var labels: [String: String]
    var state: String
    var registeredTime: Timestamp
    var lastSeenTime: Timestamp?
    var lastObservedTime: Timestamp?
    var readings: [String: LatestReading]
    var telemetryCount: Int64
    var refusedCount: Int64
    var version: Int64
    /// Only in the answer to the registration, this once.
    var apiKey: String?

    init(_ row: DeviceRow) {
        id = row.id
        account = row.account
        serial = row.serial
        type = row.type.rawValue
        name = row.name
        labels = row.labels
        state = row.state.rawValue
        registeredTime = row.registeredTime
        lastSeenTime = row.lastSeenTime
        lastObservedTime = row.lastObservedTime
        readings = row.readings
        telemetryCount = row.telemetryCount
        refusedCount = row.refusedCount
        version = row.version
    }

    /// Brings in what the aggregate knows already and the view may not.
    mutating func update(from memory: AggregateMemory<Device>) {
        guard memory.version >= version else { return }
        account = memory.state.account
        type = memory.state.type.rawValue
        name = memory.state.name
        labels = memory.state.labels
        state = memory.state.status.rawValue
        readings = memory.state.readings
        telemetryCount = memory.state.telemetryCount
        refusedCount = memory.state.refusedCount
        version = memory.version
    }
}

extension DeviceRow {
    /// Folds a device from its stream, for as long as the view does not know it yet; nil without events.
    init?(id: String, folding events: [RecordedEvent]) throws(EventCodecError) {
        guard let first = events.first else { return nil }
        var memory = AggregateMemory<Device>()
        var lastSeenTime: Timestamp?
        for event in events {
            let before = memory.state
            try memory.fold(event)
            let hasSpoken =
                memory.state.telemetryCount > before.telemetryCount || memory.state.refusedCount > before.refusedCount
            if hasSpoken { lastSeenTime = event.recordedTime }
        }
        self.init(id: id, memory, registeredTime: first.recordedTime, lastSeenTime: lastSeenTime)
    }

    /// The device as its aggregate has it; the two times are not part of the aggregate's state.
    init(id: String, _ memory: AggregateMemory<Device>, registeredTime: Timestamp, lastSeenTime: Timestamp?) {
        let state = memory.state
        self.init(
            id: id, account: state.account, serial: state.serial, type: state.type, name: state.name,
            labels: state.labels, state: state.status, registeredTime: registeredTime,
            lastSeenTime: lastSeenTime, lastObservedTime: state.latestObserved, readings: state.readings,
            telemetryCount: state.telemetryCount, refusedCount: state.refusedCount, version: memory.version)
    }
}
