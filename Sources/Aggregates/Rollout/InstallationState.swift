/// How far one device of a rollout has come.
package enum InstallationState: String, Sendable, Codable, CaseIterable {
    /// Its firmware message is not with the broker: its group is not open yet, or it waits for its next attempt.
    case scheduled
    case notified
    case downloading
    case installing
    case succeeded
    case failed
    case timedOut
    case cancelled

    package var hasEnded: Bool {
        switch self {
        case .scheduled, .notified, .downloading, .installing: false
        case .succeeded, .failed, .timedOut, .cancelled: true
        }
    }

    /// Whether a device that makes progress comes to this state after `other`.
    func follows(_ other: Self) -> Bool { !other.hasEnded && place > other.place }

    private var place: Int {
        switch self {
        case .scheduled: 0
        case .notified: 1
        case .downloading: 2
        case .installing: 3
        case .succeeded, .failed, .timedOut, .cancelled: 4
        }
    }
}

/// How many devices of a rollout are in each state.
package struct InstallationCounts: Sendable, Hashable, Codable {
    package var scheduled: Int
    package var notified = 0
    package var downloading = 0
    package var installing = 0
    package var succeeded = 0
    package var failed = 0
    package var timedOut = 0
    package var cancelled = 0

    package init(scheduled: Int) { self.scheduled = scheduled }

    package subscript(state: InstallationState) -> Int {
        get { self[keyPath: Self.field(of: state)] }
        set { self[keyPath: Self.field(of: state)] = newValue }
    }

    package mutating func move(_ count: Int = 1, from old: InstallationState, to new: InstallationState) {
        self[old] -= count
        self[new] += count
    }

    package var ended: Int { succeeded + failed + timedOut + cancelled }
    package var total: Int { scheduled + notified + downloading + installing + ended }

    private static func field(of state: InstallationState) -> WritableKeyPath<Self, Int> {
        switch state {
        case .scheduled: \.scheduled
        case .notified: \.notified
        case .downloading: \.downloading
        case .installing: \.installing
        case .succeeded: \.succeeded
        case .failed: \.failed
        case .timedOut: \.timedOut
        case .cancelled: \.cancelled
        }
    }
}
