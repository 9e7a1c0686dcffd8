package import Runtime

package struct DeviceRegistered: Sendable, Codable, Equatable {
    package var serial: String
    package var type: DeviceType
    package var name: String
    package var labels: [String: String]
    /// Absent if it is not known.
    package var location: Location?
    /// Absent if there are none.
    package var metadata: [String: JSONValue]?
    package var account: AccountID
    /// The id of the claim code by which the device registered itself; absent if somebody else did.
    package var claim: String?

    package init(
        serial: String, type: DeviceType, name: String, labels: [String: String], location: Location? = nil,
        metadata: [String: JSONValue]? = nil, account: AccountID, claim: String? = nil
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
}

package struct DeviceAssigned: Sendable, Codable, Equatable {
    package var account: AccountID

    package init(account: AccountID) {
        self.account = account
    }
}

/// Only what changed.
package struct DeviceUpdated: Sendable, Codable, Equatable {
    package var serial: String?
    package var name: String?
    package var type: DeviceType?
    package var labels: [String: String]?
    /// Empty if it is not known any more.
    package var location: Location?
    package var metadata: [String: JSONValue]?
    /// Empty if all is left to the type.
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
}

/// One reading; the event's observed time is the reading's time.
package struct TelemetryRecorded: Sendable, Codable, Equatable {
    package var metrics: [String: MetricValue]
    package var seq: Int64?
    package var clock: ObservationClock
    /// How many microseconds later than the device's time it arrived; absent if the device sent no time.
    package var delay: Int64?
    /// Absent if nothing is odd about the reading.
    package var flags: ReadingFlags?
    /// By how many microseconds the device's time is taken to be ahead of the time of the reading; absent if it is believed.
    package var offset: Int64?
    /// Whether the reading is dated by its arrival until the clock is known, and ``ReadingsRedated`` may date it anew; absent
    /// if not.
    package var provisional: Bool?
    /// How many readings since the last event of one were taken for repetitions; absent if none.
    package var repetitions: Int64?
    /// Whether the device was offline, or had never been heard of, until it sent this; absent if not.
    package var returned: Bool?

    package init(
        metrics: [String: MetricValue], seq: Int64? = nil, clock: ObservationClock, delay: Int64? = nil,
        flags: ReadingFlags? = nil, offset: Int64? = nil, provisional: Bool? = nil, repetitions: Int64? = nil,
        returned: Bool? = nil
    ) {
        self.metrics = metrics
        self.seq = seq
        self.clock = clock
        self.delay = delay
        self.flags = flags
        self.offset = offset
        self.provisional = provisional
        self.repetitions = repetitions
        self.returned = returned
    }
}

package struct MessageRefused: Sendable, Codable, Equatable {
    package var topic: String
    package var reason: String
    package var bytes: Int
    package var sha256: String

    init(_ refusal: MessageRefusal) {
        topic = refusal.topic
        reason = refusal.reason
        bytes = refusal.bytes
        sha256 = refusal.sha256
    }
}

package struct DeviceQuarantined: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

/// The device is again what it was before its quarantine.
package struct DeviceReleased: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

/// What the broker has refused since the last such event, at most one a minute.
package struct AccessRefused: Sendable, Codable, Equatable {
    package var limited: Int
    package var denied: Int
    package var wrongKeys: Int

    init(_ refusals: AccessRefusals) {
        limited = refusals.limited
        denied = refusals.denied
        wrongKeys = refusals.wrongKeys
    }
}

package struct DeviceRetired: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

/// Whose clock the observed time of a reading comes from.
package enum ObservationClock: String, Sendable, Codable {
    case device
    /// The device sent no time; the message's arrival stands for it.
    case server
}

extension Device {
    package static let codec = EventCodec<Event>([
        // First, since nine of ten events are telemetry and the codec looks from the top.
        .init("TelemetryRecorded", class: .telemetry, wrap: Event.telemetryRecorded) {
            if case .telemetryRecorded(let fact) = $0 { fact } else { nil }
        } encode: {
            try TelemetryJSON.encode($0)
        } decode: {
            TelemetryJSON.decode($0)
        },
        // As many as there are sessions.
        .init("DeviceConnected", class: .telemetry, wrap: Event.connected) {
            if case .connected(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceDisconnected", class: .telemetry, wrap: Event.disconnected) {
            if case .disconnected(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceFlapping", wrap: Event.flapping) { if case .flapping(let fact) = $0 { fact } else { nil } },
        .init("DeviceFellSilent", wrap: Event.fellSilent) { if case .fellSilent(let fact) = $0 { fact } else { nil } },
        .init("ClockDrifted", wrap: Event.clockDrifted) { if case .clockDrifted(let fact) = $0 { fact } else { nil } },
        .init("ClockRecovered", wrap: Event.clockRecovered) {
            if case .clockRecovered(let fact) = $0 { fact } else { nil }
        },
        .init("ReadingsRedated", wrap: Event.readingsRedated) {
            if case .readingsRedated(let fact) = $0 { fact } else { nil }
        },
        .init("ConfigurationDesired", wrap: Event.configurationDesired) {
            if case .configurationDesired(let fact) = $0 { fact } else { nil }
        },
        .init("ConfigurationReported", wrap: Event.configurationReported) {
            if case .configurationReported(let fact) = $0 { fact } else { nil }
        },
        .init("CommandIssued", wrap: Event.commandIssued) {
            if case .commandIssued(let fact) = $0 { fact } else { nil }
        },
        .init("CommandSent", wrap: Event.commandSent) {
            if case .commandSent(let fact) = $0 { fact } else { nil }
        },
        .init("CommandAcknowledged", wrap: Event.commandAcknowledged) {
            if case .commandAcknowledged(let fact) = $0 { fact } else { nil }
        },
        .init("CommandEnded", wrap: Event.commandEnded) {
            if case .commandEnded(let fact) = $0 { fact } else { nil }
        },
        .init("CommandTimedOut", wrap: Event.commandTimedOut) {
            if case .commandTimedOut(let fact) = $0 { fact } else { nil }
        },
        .init("CommandCancelled", wrap: Event.commandCancelled) {
            if case .commandCancelled(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceRegistered", wrap: Event.registered) { if case .registered(let fact) = $0 { fact } else { nil } },
        .init("DeviceAssigned", wrap: Event.assigned) { if case .assigned(let fact) = $0 { fact } else { nil } },
        .init("DeviceUpdated", wrap: Event.updated) { if case .updated(let fact) = $0 { fact } else { nil } },
        // As many as there are readings, from a device that sends nothing else.
        .init("MessageRefused", class: .telemetry, wrap: Event.messageRefused) {
            if case .messageRefused(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceQuarantined", wrap: Event.quarantined) {
            if case .quarantined(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceReleased", wrap: Event.released) { if case .released(let fact) = $0 { fact } else { nil } },
        .init("CredentialIssued", wrap: Event.credentialIssued) {
            if case .credentialIssued(let fact) = $0 { fact } else { nil }
        },
        .init("CredentialsRotated", wrap: Event.credentialsRotated) {
            if case .credentialsRotated(let fact) = $0 { fact } else { nil }
        },
        .init("CredentialRevoked", wrap: Event.credentialRevoked) {
            if case .credentialRevoked(let fact) = $0 { fact } else { nil }
        },
        .init("AccessRefused", class: .telemetry, wrap: Event.accessRefused) {
            if case .accessRefused(let fact) = $0 { fact } else { nil }
        },
        .init("DeviceRetired", wrap: Event.retired) { if case .retired(let fact) = $0 { fact } else { nil } },
    ])
}
