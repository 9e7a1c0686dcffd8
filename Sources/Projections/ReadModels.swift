package import Aggregates
package import Runtime

/// A device as the view `devices` knows it.
package struct DeviceRow: Sendable, Hashable {
    package var id: String
    package var account: AccountID
    package var serial: String
    package var type: DeviceType
    package var name: String
    package var labels: [String: String]
    package var location: Location?
    package var metadata: [String: JSONValue]
    package var state: Device.Status
    /// While the device is quarantined.
    package var quarantine: Device.Quarantine?
    package var registeredTime: Timestamp
    /// The recorded time of the last message.
    package var lastSeenTime: Timestamp?
    /// The observed time of the newest reading.
    package var lastObservedTime: Timestamp?
    package var readings: [String: LatestReading]
    package var telemetryCount: Int64
    /// Readings that were taken for repetitions.
    package var duplicateCount: Int64
    package var refusedCount: Int64
    package var flaggedCount: Int64
    /// Readings that came after one that was made later.
    package var lateCount: Int64
    /// Nil in rows of before that was kept.
    package var readingOrder: ReadingOrder?
    /// The newest flagged reading by observed time.
    package var latestFlagged: FlaggedReading?
    /// Nil if no reading may yet be dated anew.
    package var unsettled: UnsettledReadings?
    package var clock: DeviceClock
    package var connectivity: Connectivity
    /// The claim code by which the device registered itself.
    package var claim: String?
    /// The version of the device's stream that this row reflects.
    package var version: Int64
    /// Of the event that the view's code cannot take in, while there is one: what came later is not shown.
    package var stuckPosition: Int64?

    package init(
        id: String, account: AccountID, serial: String, type: DeviceType, name: String, labels: [String: String],
        location: Location?, metadata: [String: JSONValue], state: Device.Status, quarantine: Device.Quarantine?,
        registeredTime: Timestamp, lastSeenTime: Timestamp?, lastObservedTime: Timestamp?,
        readings: [String: LatestReading], telemetryCount: Int64, duplicateCount: Int64, refusedCount: Int64,
        flaggedCount: Int64, lateCount: Int64, readingOrder: ReadingOrder?, latestFlagged: FlaggedReading?,
        unsettled: UnsettledReadings? = nil,
        clock: DeviceClock,
        connectivity: Connectivity,
        claim: String?,
        version: Int64
    ) {
        self.id = id
        self.account = account
        self.serial = serial
        self.type = type
        self.name = name
        self.labels = labels
        self.location = location
        self.metadata = metadata
        self.state = state
        self.quarantine = quarantine
        self.registeredTime = registeredTime
        self.lastSeenTime = lastSeenTime
        self.lastObservedTime = lastObservedTime
        self.readings = readings
        self.telemetryCount = telemetryCount
        self.duplicateCount = duplicateCount
        self.refusedCount = refusedCount
        self.flaggedCount = flaggedCount
        self.lateCount = lateCount
        self.readingOrder = readingOrder
        self.latestFlagged = latestFlagged
        self.unsettled = unsettled
        self.clock = clock
        self.connectivity = connectivity
        self.claim = claim
        self.version = version
    }
}

/// An account as the view `accounts` knows it.
package struct AccountRow: Sendable, Hashable {
    package var id: AccountID
    package var name: String
    package var state: Account.Status
    package var openedTime: Timestamp
    /// The version of the account's stream that this row reflects.
    package var version: Int64

    package init(id: AccountID, name: String, state: Account.Status, openedTime: Timestamp, version: Int64) {
        self.id = id
        self.name = name
        self.state = state
        self.openedTime = openedTime
        self.version = version
    }
}
