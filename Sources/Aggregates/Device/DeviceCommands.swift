package import Runtime

/// An account as the caller found it; the append is fenced on the account's stream, so that it still holds.
package struct AccountStanding: Sendable, Equatable {
    package var id: AccountID
    package var isActive: Bool

    package init(id: AccountID, isActive: Bool) {
        self.id = id
        self.isActive = isActive
    }
}

package struct Registration: Sendable, Equatable {
    package var serial: String
    package var type: DeviceType
    package var name: String
    package var labels: [String: String]
    package var location: Location?
    package var metadata: [String: JSONValue]
    package var account: AccountStanding
    /// The id of the claim code by which the device registers itself.
    package var claim: String?

    package init(
        serial: String, type: DeviceType, name: String, labels: [String: String], location: Location? = nil,
        metadata: [String: JSONValue] = [:], account: AccountStanding, claim: String? = nil
    ) {
        self.serial = serial
        self.type = type
        self.name = name
        self.labels = labels
        self.location = location
        self.metadata = metadata
        self.account = account
        self.claim = claim
    }

    /// What it leads to.
    ///
    /// - Throws: `malformed` with the field that cannot be taken.
    package func checked() throws(Device.Rejection) -> DeviceRegistered {
        try DeviceLimits.check(serial: serial)
        try DeviceLimits.check(type: type)
        try DeviceLimits.check(name, as: "name", atMost: 200)
        try DeviceLimits.check(labels: labels)
        try location?.check()
        try DeviceLimits.check(metadata: metadata)
        return DeviceRegistered(
            serial: serial, type: type, name: name, labels: labels,
            location: location.flatMap { $0.isEmpty ? nil : $0 }, metadata: metadata.isEmpty ? nil : metadata,
            account: account.id, claim: claim)
    }
}

/// New values for what may change; nil leaves a field as it is.
package struct Changes: Sendable, Equatable {
    package var serial: String?
    package var name: String?
    package var type: DeviceType?
    package var labels: [String: String]?
    /// An empty one removes the location.
    package var location: Location?
    package var metadata: [String: JSONValue]?
    /// Empty ones leave all to the type.
    package var limits: MessageLimits?

    package init(
        serial: String? = nil, name: String? = nil, type: DeviceType? = nil, labels: [String: String]? = nil,
        location: Location? = nil, metadata: [String: JSONValue]? = nil, limits: MessageLimits? = nil
    ) {
        self.serial = serial
        self.name = name
        self.type = type
        self.labels = labels
        self.location = location
        self.metadata = metadata
        self.limits = limits
    }

    /// Nil if nothing would change.
    func checked(against state: Device.State) throws(Device.Rejection) -> DeviceUpdated? {
        if let serial { try DeviceLimits.check(serial: serial) }
        if let name { try DeviceLimits.check(name, as: "name", atMost: 200) }
        if let type { try DeviceLimits.check(type: type) }
        if let labels { try DeviceLimits.check(labels: labels) }
        if let location { try location.check() }
        if let metadata { try DeviceLimits.check(metadata: metadata) }
        if let fault = limits?.fault { throw .malformed(field: "limits", reason: fault) }
        let fact = DeviceUpdated(
            serial: serial == state.serial ? nil : serial, name: name == state.name ? nil : name,
            type: type == state.type ? nil : type, labels: labels == state.labels ? nil : labels,
            location: location == state.location ?? Location() ? nil : location,
            metadata: metadata == state.metadata ? nil : metadata,
            limits: limits == state.limits ?? MessageLimits() ? nil : limits)
        return fact == DeviceUpdated() ? nil : fact
    }
}

/// One reading as a device sent it; its time is the time of the command.
package struct Telemetry: Sendable, Equatable {
    package var metrics: [String: MetricValue]
    package var seq: Int64?
    package var clock: ObservationClock
    /// When it came to the broker, or to the server over HTTP; the clock is not judged if nil.
    package var arrival: Timestamp?
    /// By which the reading is judged; it is not if nil.
    package var schemas: TelemetrySchemas?

    package init(
        metrics: [String: MetricValue], seq: Int64?, clock: ObservationClock, arrival: Timestamp? = nil,
        schemas: TelemetrySchemas? = nil
    ) {
        self.metrics = metrics
        self.seq = seq
        self.clock = clock
        self.arrival = arrival
        self.schemas = schemas
    }

    func fact(_ time: ReadingTime, for state: Device.State) -> TelemetryRecorded {
        var flags = schemas?.flags(of: metrics, type: state.type, account: state.account)
        if let flag = time.flag {
            flags = flags ?? ReadingFlags()
            flags?.time = flag
        }
        return TelemetryRecorded(
            metrics: metrics, seq: seq, clock: clock, delay: time.delay, flags: flags, offset: time.offset)
    }
}

/// Why a message of a device was not understood, and what it looked like from outside.
package struct MessageRefusal: Sendable, Equatable {
    package var topic: String
    package var reason: String
    /// The size of the payload in bytes.
    package var bytes: Int
    /// SHA-256 of the payload in hexadecimal digits.
    package var sha256: String

    package init(topic: String, reason: String, bytes: Int, sha256: String) {
        self.topic = topic
        self.reason = reason
        self.bytes = bytes
        self.sha256 = sha256
    }
}

/// What the broker has refused a device, counted.
package struct AccessRefusals: Sendable, Equatable {
    /// Messages beyond its limit.
    package var limited: Int
    /// Publishes and subscriptions that are not its own to make.
    package var denied: Int
    /// Log-ins under its name with a key that is not its own.
    package var wrongKeys: Int

    package init(limited: Int, denied: Int, wrongKeys: Int) {
        self.limited = limited
        self.denied = denied
        self.wrongKeys = wrongKeys
    }
}
