package import Aggregates
package import Runtime

/// What a reading says of states: its flags and short texts, by the names of their metrics.
package struct StateSet: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package var metric: String
        package var value: MetricValue
    }

    /// Longer texts say something, but are no states.
    package static let longestText = 64
    /// Of a reading that has more, the first by name.
    package static let most = 8

    /// In the order of their names.
    package let members: [Member]

    init(members: [Member]) { self.members = members }

    /// Whether a reading says anything of states.
    static func says(_ metrics: [String: MetricValue]) -> Bool { metrics.contains { $0.value.isState } }

    /// Nil if it says nothing of any state.
    package init?(_ metrics: [String: MetricValue]) {
        guard Self.says(metrics) else { return nil }
        var members: [Member] = []
        for (metric, value) in metrics where value.isState { members.append(Member(metric: metric, value: value)) }
        if members.count > 1 { members.sort { $0.metric < $1.metric } }
        self.members = members.count > Self.most ? Array(members.prefix(Self.most)) : members
    }
}

extension StateSet: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        for (one, other) in zip(left.members, right.members) where one != other {
            return one.metric == other.metric
                ? one.value.stateOrder < other.value.stateOrder : one.metric < other.metric
        }
        return left.members.count < right.members.count
    }
}

extension MetricValue {
    fileprivate var isState: Bool {
        switch self {
        case .flag: true
        // Postgres takes no zero byte.
        case .text(let text): text.utf8.count <= StateSet.longestText && !text.utf8.contains(0)
        case .number, .null: false
        }
    }

    fileprivate var stateOrder: (Int, String) {
        switch self {
        case .flag(let flag): (flag ? 1 : 0, "")
        case .text(let text): (2, text)
        case .number, .null: (3, "")
        }
    }
}

/// What a reading said of states, and when it was made.
package struct StateFact: Sendable, Hashable {
    /// Corrected, as far as the clock was known.
    package var time: Timestamp
    /// Of the event, in the device's stream.
    package var version: Int64
    package var states: StateSet

    package init(time: Timestamp, version: Int64, states: StateSet) {
        self.time = time
        self.version = version
        self.states = states
    }
}

extension StateFact: Comparable {
    /// By what was observed, and not by how it came: two readings of one instant are in the order of what they say.
    package static func < (left: Self, right: Self) -> Bool {
        left.time == right.time ? left.states < right.states : left.time < right.time
    }

    func saysTheSame(as other: StateFact) -> Bool { time == other.time && states == other.states }
}

/// A fact of a reading that is dated by its arrival until the device's clock is known.
package struct ProvisionalFact: Sendable, Hashable {
    package var reading: ProvisionalReading
    package var version: Int64
    package var states: StateSet

    var fact: StateFact { StateFact(time: reading.arrival, version: version, states: states) }
}

/// What the server heard of a device's connection, and when.
package struct ConnectivityFact: Sendable, Hashable {
    package enum Kind: UInt8, Sendable {
        case offline, online
        /// Online, since a message came.
        case heard
    }

    package var time: Timestamp
    package var version: Int64
    package var kind: Kind

    var isOnline: Bool { kind != .offline }
}

extension ConnectivityFact: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.time, left.version) < (right.time, right.version)
    }
}
