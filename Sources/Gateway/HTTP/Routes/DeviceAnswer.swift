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
    var location: Location?
    var metadata: [String: JSONValue]
    var state: String
    /// Only while the device is quarantined.
    var quarantine: QuarantineAnswer?
    var registeredTime: Timestamp
    var lastSeenTime: Timestamp?
    var lastObservedTime: Timestamp?
    var readings: [String: LatestReading]
    var telemetryCount: Int64
    /// As of the last reading that was none.
    var duplicateCount: Int64
    var refusedCount: Int64
    var flaggedCount: Int64
    /// Readings that came after one that was made later.
    var lateCount: Int64
    /// Of the newest flagged reading.
    var flags: FlagsAnswer?
    var clock: ClockAnswer
    var connectivity: ConnectivityAnswer
    /// The claim code by which the device registered itself.
    var claimed: String?
    var version: Int64
    /// Only of a single device, while an event stands in the way of what came later.
    var stuckPosition: Int64?
    /// Only in the answer to the registration, this once.
    var apiKey: String?

    init(_ row: DeviceRow) {
        id = row.id
        account = row.account
        serial = row.serial
        type = row.type.rawValue
        name = row.name
        labels = row.labels
        location = row.location
        metadata = row.metadata
        state = row.state.rawValue
        quarantine = row.quarantine.map { QuarantineAnswer(reason: $0.reason, since: $0.since) }
        registeredTime = row.registeredTime
        lastSeenTime = row.lastSeenTime
        lastObservedTime = row.lastObservedTime
        readings = row.readings
        telemetryCount = row.telemetryCount
        duplicateCount = row.duplicateCount
        refusedCount = row.refusedCount
        flaggedCount = row.flaggedCount
        lateCount = row.lateCount
        flags = row.latestFlagged.map { FlagsAnswer($0) }
        clock = ClockAnswer(row.clock)
        connectivity = ConnectivityAnswer(row.connectivity)
        claimed = row.claim
        version = row.version
        stuckPosition = row.stuckPosition
    }
}

/// Why a device is kept out, and since when.
struct QuarantineAnswer: Encodable {
    var reason: String
    var since: Timestamp
}

/// What was odd about a reading, and which one it was.
struct FlagsAnswer: Encodable {
    var metrics: [String: ReadingFlags.Metric]
    var missing: [String]
    /// Absent if its time alone was odd.
    var schema: Int?
    /// What was odd about the device's time.
    var clock: ReadingFlags.Time?
    var time: Timestamp

    init(_ reading: FlaggedReading) {
        clock = reading.flags.time
        metrics = reading.flags.metrics
        missing = reading.flags.missing
        schema = reading.flags.schema
        time = reading.time
    }
}

extension DeviceRow {
    /// The device as its aggregate has it; the two times are not part of the aggregate's state.
    init(id: String, _ memory: AggregateMemory<Device>, registeredTime: Timestamp, lastSeenTime: Timestamp?) {
        let state = memory.state
        self.init(
            id: id, account: state.account, serial: state.serial, type: state.type, name: state.name,
            labels: state.labels, location: state.location, metadata: state.metadata, state: state.status,
            quarantine: state.quarantine, registeredTime: registeredTime,
            lastSeenTime: lastSeenTime, lastObservedTime: state.latestObserved, readings: state.readings,
            telemetryCount: state.telemetryCount, duplicateCount: state.duplicateCount,
            refusedCount: state.refusedCount, flaggedCount: state.flaggedCount, lateCount: state.lateCount,
            readingOrder: nil,
            latestFlagged: state.latestFlagged, clock: state.clock,
            connectivity: state.connectivity, claim: state.claim,
            version: memory.version)
    }
}
