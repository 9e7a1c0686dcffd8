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
    package var account: AccountStanding

    package init(
        serial: String, type: DeviceType, name: String, labels: [String: String], account: AccountStanding
    ) {
        self.serial = serial
        self.type = type
        self.name = name
        self.labels = labels
        self.account = account
    }

    func checked() throws(Device.Rejection) -> DeviceRegistered {
        try DeviceLimits.check(serial, as: "serial", atMost: 100)
        if serial.isEmpty { throw .malformed(field: "serial", reason: "must not be empty") }
        try DeviceLimits.check(type: type)
        try DeviceLimits.check(name, as: "name", atMost: 200)
        try DeviceLimits.check(labels: labels)
        return DeviceRegistered(serial: serial, type: type, name: name, labels: labels, account: account.id)
    }
}

/// New values for what may change; nil leaves a field as it is.
package struct Changes: Sendable, Equatable {
    package var name: String?
    package var type: DeviceType?
    package var labels: [String: String]?

    package init(name: String? = nil, type: DeviceType? = nil, labels: [String: String]? = nil) {
        self.name = name
        self.type = type
        self.labels = labels
    }

    /// Nil if nothing would change.
    func checked(against state: Device.State) throws(Device.Rejection) -> DeviceUpdated? {
        if let name { try DeviceLimits.check(name, as: "name", atMost: 200) }
        if let type { try DeviceLimits.check(type: type) }
        if let labels { try DeviceLimits.check(labels: labels) }
        let fact = DeviceUpdated(
            name: name == state.name ? nil : name, type: type == state.type ? nil : type,
            labels: labels == state.labels ? nil : labels)
        return fact == DeviceUpdated() ? nil : fact
    }
}

/// One reading as a device sent it; its time is the time of the command.
package struct Telemetry: Sendable, Equatable {
    package var metrics: [String: MetricValue]
    package var seq: Int64?
    package var clock: ObservationClock

    package init(metrics: [String: MetricValue], seq: Int64?, clock: ObservationClock) {
        self.metrics = metrics
        self.seq = seq
        self.clock = clock
    }

    var fact: TelemetryRecorded { TelemetryRecorded(metrics: metrics, seq: seq, clock: clock) }
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

private enum DeviceLimits {
    static func check(_ text: String, as field: String, atMost limit: Int) throws(Device.Rejection) {
        if text.utf8.count > limit { throw .malformed(field: field, reason: "may have \(limit) bytes") }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw .malformed(field: field, reason: "must not contain control characters")
        }
    }

    static func check(type: DeviceType) throws(Device.Rejection) {
        let isName = type.rawValue.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard isName, (1...64).contains(type.rawValue.utf8.count) else {
            throw .malformed(field: "type", reason: "must be 1 to 64 of a-z, 0-9 and -")
        }
    }

    static func check(labels: [String: String]) throws(Device.Rejection) {
        if labels.count > 64 { throw .malformed(field: "labels", reason: "may have 64 entries") }
        for (key, value) in labels {
            if key.isEmpty { throw .malformed(field: "labels", reason: "a key must not be empty") }
            try check(key, as: "labels", atMost: 64)
            try check(value, as: "labels", atMost: 256)
        }
    }
}
