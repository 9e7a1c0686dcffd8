package import Runtime

/// Whether a device is there, as far as its status messages, its other messages and its silence tell.
///
/// A session is what the device opens with `online` and ends with `offline`, by itself or by its last will. Who says the
/// same again has said nothing new, so a status that comes a second time, retained or redelivered, opens no session.
///
/// The idea of counting changes in a window, and of a state "flapping" that is left only after a calm, is that of route
/// flap damping (RFC 2439) and of Nagios.
package struct Connectivity: Sendable, Hashable, Codable {
    package enum Presence: String, Sendable, Codable {
        /// Never heard of.
        case unknown
        case online, offline
    }

    /// In which changes are counted, and for how long a device that flapped counts as doing so.
    package static let window = Duration.seconds(600)
    /// Changes in the window that are too many.
    package static let mostChanges = 20
    /// While a device flaps, one change in this time is noted.
    package static let pause = Duration.seconds(60)

    package private(set) var presence = Presence.unknown
    /// When a status or its silence changed that; nil since a message brought the device back.
    package private(set) var since: Timestamp?
    package private(set) var hasSession = false
    package private(set) var sessions: Int64 = 0
    /// What runs on it, by its own account.
    package private(set) var firmware: String?
    package private(set) var flappingUntil: Timestamp?
    /// Oldest first.
    private var changes: [Timestamp] = []

    package init() {}

    /// Reads what its `Codable` form is, whatever order its members have; nil if Foundation must read it.
    package init?(_ cursor: inout CanonicalCursor) {
        var (isPresenceKnown, isSessionKnown, areSessionsKnown, areChangesKnown) = (false, false, false, false)
        let isWhole = cursor.object { name, cursor in
            switch name {
            case "presence":
                guard let presence = cursor.text().flatMap(Presence.init) else { return false }
                (self.presence, isPresenceKnown) = (presence, true)
            case "since":
                guard let time = cursor.time() else { return false }
                since = time
            case "hasSession":
                guard let flag = cursor.flag() else { return false }
                (hasSession, isSessionKnown) = (flag, true)
            case "sessions":
                guard let count = cursor.integer() else { return false }
                (sessions, areSessionsKnown) = (count, true)
            case "firmware":
                guard let text = cursor.text() else { return false }
                firmware = text
            case "flappingUntil":
                guard let time = cursor.time() else { return false }
                flappingUntil = time
            case "changes":
                guard let times = cursor.list({ $0.time() }) else { return false }
                (changes, areChangesKnown) = (times, true)
            default: return false
            }
            return true
        }
        guard isWhole, isPresenceKnown, isSessionKnown, areSessionsKnown, areChangesKnown else { return nil }
    }

    /// What a status message leads to.
    func events(upon report: StatusReport, at time: Timestamp) -> [Device.Event] {
        let isNews =
            report.isOnline
            ? !hasSession || presence == .offline || report.firmware.map { $0 != firmware } ?? false
            : hasSession || presence != .offline
        guard isNews else { return [] }
        let isFlapping = flappingUntil.map { time < $0 } ?? false
        if isFlapping, let last = changes.last, time < last + Self.pause { return [] }
        let event: Device.Event =
            report.isOnline
            ? .connected(DeviceConnected(firmware: report.firmware)) : .disconnected(DeviceDisconnected())
        let recent = changes.filter { time < $0 + Self.window }
        guard !isFlapping, recent.count + 1 >= Self.mostChanges else { return [event] }
        return [event, .flapping(DeviceFlapping(changes: recent.count + 1, since: recent.first ?? time))]
    }

    /// Any message is a sign of life.
    package mutating func hear() {
        guard presence != .online else { return }
        presence = .online
        since = nil
    }

    package mutating func connect(_ fact: DeviceConnected, at time: Timestamp) {
        if !hasSession { sessions += 1 }
        hasSession = true
        if let version = fact.firmware { firmware = version }
        change(to: .online, at: time)
    }

    package mutating func disconnect(at time: Timestamp) {
        hasSession = false
        change(to: .offline, at: time)
    }

    package mutating func flap(at time: Timestamp) { flappingUntil = time + Self.window }

    package mutating func fallSilent(at time: Timestamp) {
        hasSession = false
        presence = .offline
        since = time
    }

    private mutating func change(to presence: Presence, at time: Timestamp) {
        if presence != self.presence || since == nil { since = time }
        self.presence = presence
        if let until = flappingUntil, time < until { flappingUntil = time + Self.window }
        changes = changes.filter { time < $0 + Self.window }.suffix(Self.mostChanges - 1) + [time]
    }

    var approximateHeapBytes: Int { changes.approximateHeapBytes + (firmware?.approximateHeapBytes ?? 0) }
}

/// What a device says of itself on its status topic, or its last will says for it.
package struct StatusReport: Sendable, Equatable {
    package var isOnline: Bool
    package var firmware: String?

    package init(isOnline: Bool, firmware: String? = nil) {
        self.isOnline = isOnline
        self.firmware = firmware
    }
}

/// The device says that it is online, or what firmware it runs now.
package struct DeviceConnected: Sendable, Codable, Equatable {
    package var firmware: String?

    package init(firmware: String? = nil) { self.firmware = firmware }
}

/// The device says that it leaves, or its last will says that it has gone.
package struct DeviceDisconnected: Sendable, Codable, Equatable {
    package init() {}
}

/// It comes and goes too often; for some time not every change is noted.
package struct DeviceFlapping: Sendable, Codable, Equatable {
    package var changes: Int
    package var since: Timestamp

    package init(changes: Int, since: Timestamp) {
        self.changes = changes
        self.since = since
    }
}

/// Nothing was heard of it for longer than its type allows.
package struct DeviceFellSilent: Sendable, Codable, Equatable {
    package var lastSeenTime: Timestamp

    package init(lastSeenTime: Timestamp) { self.lastSeenTime = lastSeenTime }
}
