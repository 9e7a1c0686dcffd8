package import Runtime

/// Reads a device's snapshot by hand: after a restart a whole fleet wakes at once, and Foundation takes longer over a
/// snapshot than all else that waking takes. Whatever is not as it is usually written is left to Foundation.
extension Device {
    package static func snapshotBody(_ json: UnsafeBufferPointer<UInt8>) -> SnapshotBody<State>? {
        var cursor = CanonicalCursor(json)
        var (state, position, recentCommands): (State?, Int64?, RecentCommands?)
        let isWhole = cursor.object { name, cursor in
            switch name {
            case "state": cursor.take(optional: &state) { State(&$0) }
            case "position": cursor.take(optional: &position) { $0.integer() }
            case "recentCommands":
                cursor.take(optional: &recentCommands) { $0.text().flatMap(RecentCommands.init(base64:)) }
            default: false
            }
        }
        guard isWhole, cursor.isAtEnd, let state, let position, let recentCommands else { return nil }
        return SnapshotBody(state: state, position: position, recentCommands: recentCommands)
    }
}

extension Device.State {
    /// Those that are always written; a snapshot from before one of them was added is Foundation's.
    private static let presentMembers = 21

    fileprivate init?(_ cursor: inout CanonicalCursor) {
        self.init()
        var present = 0
        let isWhole = cursor.object { name, cursor in
            if let isRead = readOptional(name, &cursor) { return isRead }
            present += 1
            return readPresent(name, &cursor)
        }
        guard isWhole, present == Self.presentMembers else { return nil }
    }

    /// Nil if it is none of those that may be absent.
    private mutating func readOptional(_ name: String, _ cursor: inout CanonicalCursor) -> Bool? {
        switch name {
        case "location": cursor.take(optional: &location) { Location(&$0) }
        case "quarantine": cursor.take(optional: &quarantine) { $0.decoded(Device.Quarantine.self) }
        case "limits": cursor.take(optional: &limits) { $0.decoded(MessageLimits.self) }
        case "claim": cursor.take(optional: &claim) { $0.text() }
        case "latestObserved": cursor.take(optional: &latestObserved) { $0.time() }
        case "latestFlagged": cursor.take(optional: &latestFlagged) { $0.decoded(FlaggedReading.self) }
        case "unsettled": cursor.take(optional: &unsettled) { $0.decoded(UnsettledReadings.self) }
        default: nil
        }
    }

    private mutating func readPresent(_ name: String, _ cursor: inout CanonicalCursor) -> Bool {
        switch name {
        case "status": cursor.take(&status) { $0.text().flatMap(Device.Status.init) }
        case "account": cursor.take(&account) { $0.text().map { AccountID($0) } }
        case "serial": cursor.take(&serial) { $0.text() }
        case "type": cursor.take(&type) { $0.text().map { DeviceType($0) } }
        case "name": cursor.take(&self.name) { $0.text() }
        case "labels": cursor.take(&labels) { $0.members { $0.text() } }
        case "metadata": cursor.skip("{}") || cursor.take(&metadata) { $0.decoded([String: JSONValue].self) }
        case "keys": cursor.take(&keys) { $0.list { Device.KeyStanding(&$0) } }
        case "issuedKeys": cursor.take(&issuedKeys) { $0.integer().map { Int($0) } }
        case "readings": cursor.take(&readings) { $0.members { LatestReading(&$0) } }
        case "sequence": cursor.take(&sequence) { SequenceRanges(&$0) }
        case "telemetryCount": cursor.take(&telemetryCount) { $0.integer() }
        case "duplicateCount": cursor.take(&duplicateCount) { $0.integer() }
        case "refusedCount": cursor.take(&refusedCount) { $0.integer() }
        case "flaggedCount": cursor.take(&flaggedCount) { $0.integer() }
        case "lateCount": cursor.take(&lateCount) { $0.integer() }
        case "clock": cursor.take(&clock) { DeviceClock(&$0) }
        case "provisional": cursor.take(&provisional) { ProvisionalReadings(&$0) }
        case "connectivity": cursor.take(&connectivity) { Connectivity(&$0) }
        case "configuration": cursor.skip("{}") || cursor.take(&configuration) { $0.decoded(Configuration.self) }
        case "commands":
            cursor.skip(#"{"all":[]}"#) || cursor.take(&commands) { $0.decoded(IssuedCommands.self) }
        default: false
        }
    }
}
