import Aggregates
import Runtime

/// The facts of an hour as bytes, some six a reading: times as differences, and what is said again as a number.
extension StateHour {
    var encodedFacts: [UInt8] {
        var writer = FactWriter(start)
        writer.bytes.reserveCapacity(32 + 6 * facts.count)
        writer.number(isThinned ? StateForm.thinned : StateForm.whole)
        writer.number(UInt64(connectivity.count))
        for fact in connectivity {
            writer.time(fact.time)
            writer.version(fact.version)
            writer.number(UInt64(fact.kind.rawValue))
        }
        let sets = StateSets(facts.lazy.map(\.states), provisional.lazy.map(\.states))
        writer.number(UInt64(sets.all.count))
        for set in sets.all { writer.set(set) }
        writer.number(UInt64(facts.count))
        writer.rewind()
        for (fact, set) in zip(facts, sets.numbers) {
            writer.time(fact.time)
            writer.version(fact.version)
            writer.number(UInt64(set))
        }
        writer.number(UInt64(provisional.count))
        for (fact, set) in zip(provisional, sets.numbers.dropFirst(facts.count)) {
            writer.signed(fact.reading.time)
            writer.signed(fact.reading.delay)
            writer.version(fact.version)
            writer.number(UInt64(set))
        }
        return writer.bytes
    }

    /// - Throws: for bytes that are no such facts.
    init(
        device: String, account: String, start: Timestamp, facts bytes: [UInt8], runs: String
    ) throws(PostgresError) {
        var reader = FactReader(bytes, start)
        let form = try reader.number()
        guard form == StateForm.whole || form == StateForm.thinned else { throw FactReader.wrong }
        var connectivity: [ConnectivityFact] = []
        for _ in 0..<(try reader.count()) {
            let (time, version) = (try reader.time(), try reader.version())
            guard let kind = ConnectivityFact.Kind(rawValue: UInt8(truncatingIfNeeded: try reader.number())) else {
                throw FactReader.wrong
            }
            connectivity.append(ConnectivityFact(time: time, version: version, kind: kind))
        }
        var sets: [StateSet] = []
        for _ in 0..<(try reader.count()) { sets.append(try reader.set()) }
        var facts: [StateFact] = []
        let count = try reader.count()
        facts.reserveCapacity(count + 1)
        reader.rewind()
        for _ in 0..<count {
            facts.append(
                StateFact(time: try reader.time(), version: try reader.version(), states: try reader.member(of: sets)))
        }
        var provisional: [ProvisionalFact] = []
        for _ in 0..<(try reader.count()) {
            let reading = ProvisionalReading(time: try reader.signed(), delay: try reader.signed())
            provisional.append(
                ProvisionalFact(
                    reading: reading, version: try reader.version(), states: try reader.member(of: sets)))
        }
        self.init(
            device: device, account: account, start: start, connectivity: connectivity, facts: facts,
            provisional: provisional, isThinned: form == StateForm.thinned, runs: runs)
    }
}

/// What the bytes begin with; there may be another one to come.
private enum StateForm {
    static let whole: UInt64 = 1
    static let thinned: UInt64 = 2
}

/// What is said, each once in the order in which it is said first, and the number of it for each fact.
private struct StateSets {
    private(set) var all: [StateSet] = []
    private(set) var numbers: [Int] = []
    private var places: [StateSet: Int] = [:]

    init(_ facts: some Sequence<StateSet>, _ more: some Sequence<StateSet>) {
        for set in facts { take(set) }
        for set in more { take(set) }
    }

    private mutating func take(_ set: StateSet) {
        // Mostly nothing has changed.
        if let last = numbers.last, all[last] == set { return numbers.append(last) }
        if let place = places[set] { return numbers.append(place) }
        places[set] = all.count
        numbers.append(all.count)
        all.append(set)
    }
}

private struct FactWriter {
    var bytes: [UInt8] = []
    private let start: Timestamp
    private var lastTime: Int64
    private var lastVersion: Int64 = 0

    init(_ start: Timestamp) {
        self.start = start
        lastTime = start.microseconds
    }

    /// Times begin at the hour again.
    mutating func rewind() { lastTime = start.microseconds }

    mutating func number(_ value: UInt64) { bytes.appendVariable(value) }
    mutating func signed(_ value: Int64) { bytes.appendVariable(signed: value) }

    mutating func time(_ time: Timestamp) {
        signed(time.microseconds &- lastTime)
        lastTime = time.microseconds
    }

    mutating func version(_ version: Int64) {
        signed(version &- lastVersion)
        lastVersion = version
    }

    mutating func text(_ text: String) {
        number(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    mutating func set(_ set: StateSet) {
        number(UInt64(set.members.count))
        for member in set.members {
            text(member.metric)
            switch member.value {
            case .flag(let flag): number(flag ? 1 : 0)
            case .text(let value):
                number(2)
                text(value)
            case .number, .null: number(3)
            }
        }
    }
}

private struct FactReader {
    static let wrong = PostgresError.decoding(.init(column: 3, wanted: "the facts of an hour", found: "other bytes"))

    private var reader: VariableLengthReader
    private let start: Timestamp
    private var lastTime: Int64
    private var lastVersion: Int64 = 0

    init(_ bytes: [UInt8], _ start: Timestamp) {
        reader = VariableLengthReader(bytes)
        self.start = start
        lastTime = start.microseconds
    }

    mutating func rewind() { lastTime = start.microseconds }

    mutating func number() throws(PostgresError) -> UInt64 {
        guard let value = reader.next(UInt64.self) else { throw Self.wrong }
        return value
    }

    mutating func signed() throws(PostgresError) -> Int64 {
        guard let value = reader.nextSigned() else { throw Self.wrong }
        return value
    }

    /// Nothing takes less than a byte.
    mutating func count() throws(PostgresError) -> Int {
        guard let count = Int(exactly: try number()), count <= reader.bytes.count else { throw Self.wrong }
        return count
    }

    mutating func time() throws(PostgresError) -> Timestamp {
        lastTime &+= try signed()
        return Timestamp(microseconds: lastTime)
    }

    mutating func version() throws(PostgresError) -> Int64 {
        lastVersion &+= try signed()
        return lastVersion
    }

    mutating func text() throws(PostgresError) -> String {
        let length = try count()
        let end = reader.place + length
        guard end <= reader.bytes.count else { throw Self.wrong }
        defer { reader.place = end }
        return String(decoding: reader.bytes[reader.place..<end], as: UTF8.self)
    }

    mutating func set() throws(PostgresError) -> StateSet {
        var members: [StateSet.Member] = []
        for _ in 0..<(try count()) {
            let metric = try text()
            let value: MetricValue
            switch try number() {
            case 0: value = .flag(false)
            case 1: value = .flag(true)
            case 2: value = .text(try text())
            case 3: value = .null
            default: throw Self.wrong
            }
            members.append(.init(metric: metric, value: value))
        }
        return StateSet(members: members)
    }

    mutating func member(of sets: [StateSet]) throws(PostgresError) -> StateSet {
        guard let place = Int(exactly: try number()), place < sets.count else { throw Self.wrong }
        return sets[place]
    }
}
