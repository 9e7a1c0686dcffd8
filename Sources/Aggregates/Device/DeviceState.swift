package import Runtime

extension Device {
    /// provisioned -> active -> quarantined -> retired; quarantine may come at once, and end.
    package enum Status: String, Sendable, Codable {
        case unregistered
        /// Registered, and not heard of yet.
        case provisioned
        case active
        /// Kept out by somebody, for a reason.
        case quarantined
        case retired
    }

    /// Why a device is kept out, since when, and what it was before.
    package struct Quarantine: Sendable, Hashable, Codable {
        package var reason: String
        package var since: Timestamp
        package var before: Status

        package init(reason: String, since: Timestamp, before: Status) {
            self.reason = reason
            self.since = since
            self.before = before
        }
    }

    package struct State: Sendable, Codable, Equatable {
        package var status = Status.unregistered
        package var account = AccountID.default
        package var serial = ""
        package var type = DeviceType("")
        package var name = ""
        package var labels: [String: String] = [:]
        package var location: Location?
        package var metadata: [String: JSONValue] = [:]
        package var quarantine: Quarantine?
        /// Its own, over those of its type.
        package var limits: MessageLimits?
        package var keys: [KeyStanding] = []
        /// The number of the key that was issued last.
        package var issuedKeys = 0
        /// The id of the claim code by which the device registered itself.
        package var claim: String?
        package var readings: [String: LatestReading] = [:]
        /// Sequence numbers seen since the device last began to count.
        package var sequence = SequenceRanges()
        /// Corrected, as all times of readings.
        package var latestObserved: Timestamp?
        package var telemetryCount: Int64 = 0
        /// Readings that were taken for repetitions, as of the last one that was not.
        package var duplicateCount: Int64 = 0
        package var refusedCount: Int64 = 0
        package var flaggedCount: Int64 = 0
        /// Readings that came after one that was made later.
        package var lateCount: Int64 = 0
        /// The newest one by observed time.
        package var latestFlagged: FlaggedReading?
        /// Nil if no reading may yet be dated anew.
        package var unsettled: UnsettledReadings?
        package var clock = DeviceClock()
        var provisional = ProvisionalReadings()
        package var connectivity = Connectivity()
        package var configuration = Configuration()
        package var commands = IssuedCommands()

        package init() {}

        /// What was added after the first snapshots were written may be absent: a snapshot at a floor is all there is of
        /// a device whose telemetry has left the log, so ``Device/stateVersion`` stays and each of them must be read.
        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            status = try fields.decode(Status.self, forKey: .status)
            account = try fields.decode(AccountID.self, forKey: .account)
            serial = try fields.decode(String.self, forKey: .serial)
            type = try fields.decode(DeviceType.self, forKey: .type)
            name = try fields.decode(String.self, forKey: .name)
            labels = try fields.decode([String: String].self, forKey: .labels)
            location = try fields.decodeIfPresent(Location.self, forKey: .location)
            metadata = try fields.decodeIfPresent([String: JSONValue].self, forKey: .metadata) ?? [:]
            quarantine = try fields.decodeIfPresent(Quarantine.self, forKey: .quarantine)
            limits = try fields.decodeIfPresent(MessageLimits.self, forKey: .limits)
            // From before there was more than the one key of the registration.
            keys = try fields.decodeIfPresent([KeyStanding].self, forKey: .keys) ?? [KeyStanding(number: 1)]
            issuedKeys = try fields.decodeIfPresent(Int.self, forKey: .issuedKeys) ?? 1
            claim = try fields.decodeIfPresent(String.self, forKey: .claim)
            readings = try fields.decode([String: LatestReading].self, forKey: .readings)
            sequence = try fields.decode(SequenceRanges.self, forKey: .sequence)
            latestObserved = try fields.decodeIfPresent(Timestamp.self, forKey: .latestObserved)
            telemetryCount = try fields.decode(Int64.self, forKey: .telemetryCount)
            duplicateCount = try fields.decodeIfPresent(Int64.self, forKey: .duplicateCount) ?? 0
            refusedCount = try fields.decode(Int64.self, forKey: .refusedCount)
            flaggedCount = try fields.decodeIfPresent(Int64.self, forKey: .flaggedCount) ?? 0
            lateCount = try fields.decodeIfPresent(Int64.self, forKey: .lateCount) ?? 0
            latestFlagged = try fields.decodeIfPresent(FlaggedReading.self, forKey: .latestFlagged)
            unsettled = try fields.decodeIfPresent(UnsettledReadings.self, forKey: .unsettled)
            clock = try fields.decodeIfPresent(DeviceClock.self, forKey: .clock) ?? DeviceClock()
            provisional =
                try fields.decodeIfPresent(ProvisionalReadings.self, forKey: .provisional) ?? ProvisionalReadings()
            connectivity = try fields.decodeIfPresent(Connectivity.self, forKey: .connectivity) ?? Connectivity()
            configuration = try fields.decodeIfPresent(Configuration.self, forKey: .configuration) ?? Configuration()
            commands = try fields.decodeIfPresent(IssuedCommands.self, forKey: .commands) ?? IssuedCommands()
        }
    }
}
