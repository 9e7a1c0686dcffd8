import Aggregates
package import Runtime

/// What is known of a device's states in one hour of observed time: the facts, and what they come to in their order.
///
/// An hour is gone through by its own facts alone, so a late one changes its hour and no other. How hours go on from each
/// other is told when somebody asks (``StateHistory``).
package struct StateHour: Sendable {
    package let device: String
    /// Whose the device was when the readings were recorded: who gets it later does not see them.
    package let account: String
    package let start: Timestamp
    /// In their order, as all facts here.
    package private(set) var connectivity: [ConnectivityFact] = []
    package private(set) var facts: [StateFact] = []
    package private(set) var provisional: [ProvisionalFact] = []
    /// Whether facts were left out, since there were too many in a minute.
    package private(set) var isThinned = false
    /// As they were stored; nil since something has changed.
    private var storedRuns: String?

    /// Of a minute in which there were more, the first and the last so many count,
    private static let mostAtEachEnd = 4
    /// and the first and the last of each state, of so many at each end.
    private static let mostStates = 8

    package init(device: String, account: String, start: Timestamp) {
        self.device = device
        self.account = account
        self.start = start
    }

    /// As it was stored.
    init(
        device: String, account: String, start: Timestamp, connectivity: [ConnectivityFact], facts: [StateFact],
        provisional: [ProvisionalFact], isThinned: Bool, runs: String
    ) {
        self.init(device: device, account: account, start: start)
        self.isThinned = isThinned
        self.connectivity = connectivity
        self.facts = facts
        self.provisional = provisional
        storedRuns = runs
    }

    /// What the facts come to, in their order.
    package var runs: StateRuns {
        var runs = StateRuns()
        runs.isThinned = isThinned
        for fact in connectivity { runs.take(fact) }
        runs.take(provisional.isEmpty ? facts : (facts + provisional.map(\.fact)).sorted())
        return runs
    }

    var runsText: String { storedRuns ?? runs.json(from: start) }

    var isEmpty: Bool { connectivity.isEmpty && facts.isEmpty && provisional.isEmpty }

    /// The newest that it was made of.
    var newest: Timestamp {
        [connectivity.last?.time, facts.last?.time, provisional.last?.reading.arrival].compactMap(\.self).max() ?? start
    }

    /// How much later the newest reading was made than this time; nil if it was not.
    func lateness(of time: Timestamp) -> Duration? {
        guard let newest = facts.last?.time, time < newest else { return nil }
        return newest - time
    }

    // MARK: What comes

    package mutating func insert(_ new: StateFact) {
        storedRuns = nil
        var fact = new
        guard let last = facts.last, !(last < fact) else {
            // One array for all who say the same.
            if let last = facts.last, last.states == fact.states { fact.states = last.states }
            facts.append(fact)
            return thinMinute(around: facts.count - 1)
        }
        let place = facts.partition { $0 < fact }
        if facts[place].saysTheSame(as: fact) {
            facts[place].version = min(facts[place].version, fact.version)
            return
        }
        if facts[place].states == fact.states { fact.states = facts[place].states }
        facts.insert(fact, at: place)
        thinMinute(around: place)
    }

    /// A device that reports ten times a second must not make an hour of 36,000 facts.
    ///
    /// What stays of a minute is the same in whatever order it comes: what is among the first of all of them, or of its
    /// state, was so among those that had come before, too. To leave out whatever repeats the state before it would not do:
    /// a late reading of another state may come between them, and then it is they that say when the state was back.
    private mutating func thinMinute(around place: Int) {
        let most = 2 * Self.mostAtEachEnd
        guard facts.count > most else { return }
        let minute = WindowLength.minute.start(of: facts[place].time)
        let end = minute + .seconds(60)
        var (first, last) = (place, place)
        while first > 0, facts[first - 1].time >= minute { first -= 1 }
        while last + 1 < facts.count, facts[last + 1].time < end { last += 1 }
        guard last - first >= most else { return }
        let kept = counting(of: first...last)
        if kept.count > last - first { return }
        let left = kept.sorted().map { facts[$0] }
        facts.replaceSubrange(first...last, with: left)
        isThinned = true
    }

    private func counting(of minute: ClosedRange<Int>) -> Set<Int> {
        Set(minute.prefix(Self.mostAtEachEnd)).union(minute.suffix(Self.mostAtEachEnd))
            .union(firstOfEachState(minute)).union(firstOfEachState(minute.reversed()))
    }

    private func firstOfEachState(_ places: some Sequence<Int>) -> [Int] {
        var states: Set<StateSet> = []
        return places.filter { states.count < Self.mostStates && states.insert(facts[$0].states).inserted }
    }

    package mutating func insert(_ fact: ProvisionalFact) {
        storedRuns = nil
        let place = provisional.partition { $0.isBefore(fact) }
        provisional.insert(fact, at: place)
    }

    /// Takes the facts of these readings out.
    mutating func remove(_ readings: Set<ProvisionalReading>) -> [ProvisionalFact] {
        let removed = provisional.filter { readings.contains($0.reading) }
        if removed.isEmpty { return [] }
        storedRuns = nil
        provisional.removeAll { readings.contains($0.reading) }
        return removed
    }

    /// Whether the device was not online yet, as far as this hour knows.
    func isNews(heardAt time: Timestamp) -> Bool {
        let before = connectivity.partition { $0.time <= time }
        return before == 0 || !connectivity[before - 1].isOnline
    }

    package mutating func insert(_ fact: ConnectivityFact) {
        storedRuns = nil
        let place = connectivity.partition { $0 < fact }
        // A device that is heard once more has been there already.
        if fact.kind == .heard, place < connectivity.count, connectivity[place].kind == .heard {
            connectivity[place] = fact
        } else {
            connectivity.insert(fact, at: place)
        }
    }
}

extension StateHour: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.device == right.device && left.account == right.account && left.start == right.start
            && left.connectivity == right.connectivity && left.facts == right.facts
            && left.provisional == right.provisional && left.runsText == right.runsText
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(device)
        hasher.combine(account)
        hasher.combine(start)
        hasher.combine(connectivity)
        hasher.combine(facts)
        hasher.combine(provisional)
        hasher.combine(runsText)
    }
}

extension ProvisionalFact {
    fileprivate func isBefore(_ other: ProvisionalFact) -> Bool {
        (reading.arrival, reading.time, version) < (other.reading.arrival, other.reading.time, other.version)
    }
}

extension Array {
    /// The place of the first that is not `before`; all that are come first.
    fileprivate func partition(_ before: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if before(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
