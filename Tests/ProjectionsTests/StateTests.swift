import Aggregates
import Projections
import Runtime
import Testing

@Suite struct `What a device says of its states in an hour` {
    private func states(_ random: inout Random) -> StateSet? {
        var metrics: [String: MetricValue] = ["temperature": .number(21)]
        if Int.random(in: 0..<4, using: &random) > 0 { metrics["leak"] = .flag(Bool.random(using: &random)) }
        if Int.random(in: 0..<3, using: &random) == 0 {
            metrics["status"] = .text(["OK", "low", ""][Int.random(in: 0..<3, using: &random)])
        }
        return StateSet(metrics)
    }

    private func hour(_ facts: [StateFact]) -> StateHour {
        var hour = StateHour(device: "a", account: "default", start: noon)
        for fact in facts { hour.insert(fact) }
        return hour
    }

    /// Facts of which some are of one instant, and some say the same.
    private func facts(_ count: Int, within seconds: Int64, _ random: inout Random) -> [StateFact] {
        (1...count).compactMap { version in
            let time = noon + .seconds(Int64.random(in: 0..<seconds, using: &random))
            return states(&random).map { StateFact(time: time, version: Int64(version), states: $0) }
        }
    }

    @Test(arguments: 0..<60) func `comes to the same in whatever order its readings come`(_ seed: UInt64) {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        // Most have more in a minute than are kept, some many more.
        let facts = facts(150, within: [3_600, 400, 60][Int(seed % 3)], &random)
        let inOrder = hour(facts.sorted())
        for _ in 0..<10 {
            let shuffled = hour(facts.shuffled(using: &random))
            #expect(shuffled == inOrder && shuffled.hashValue == inOrder.hashValue)
            #expect(shuffled.runs == inOrder.runs)
            // Seen once more, they change nothing.
            #expect(hour(facts + facts.shuffled(using: &random)) == inOrder)
        }
    }

    @Test(arguments: 0..<40) func `is what each metric said, one change after the other`(_ seed: UInt64) {
        var random = Random(state: seed &+ 7)
        // Few enough for all to count.
        let facts = facts(60, within: 3_600, &random).reduce(into: [StateFact]()) { facts, fact in
            if !facts.contains(where: { $0.time == fact.time }) { facts.append(fact) }
        }
        let runs = hour(facts.shuffled(using: &random)).runs
        for metric in ["leak", "status"] {
            var expected: [StateRun] = []
            for fact in facts.sorted(by: { $0.time < $1.time }) {
                guard let value = fact.states.members.first(where: { $0.metric == metric })?.value else { continue }
                if expected.last?.value == value {
                    expected[expected.count - 1].lastTime = fact.time
                } else {
                    expected.append(
                        StateRun(value: value, since: fact.time, lastTime: fact.time, version: fact.version))
                }
            }
            #expect(runs[.metric(metric)] == expected)
        }
    }

    @Test func `keeps the first and the last of a minute that has too many`() {
        let facts = (0..<600).compactMap { tenth in
            StateSet(["motion": .flag(tenth % 2 == 0)]).map {
                StateFact(time: noon + .milliseconds(tenth * 100), version: Int64(tenth), states: $0)
            }
        }
        let kept = hour(facts).facts.map(\.version)
        #expect(kept == [0, 1, 2, 3, 596, 597, 598, 599])
    }

    /// Whether there is a leak, each five seconds of a minute; in four of the twelve readings there is.
    private var leak: [StateFact] {
        (0..<12).compactMap { place in
            StateSet(["leak": .flag((4..<8).contains(place))]).map {
                StateFact(time: noon + .seconds(Int64(place) * 5), version: Int64(place), states: $0)
            }
        }
    }

    @Test(arguments: 0..<20) func `keeps each state of a minute that has too many, and says that it has`(
        _ seed: UInt64
    ) {
        var random = Random(state: seed)
        let found = hour(leak.shuffled(using: &random))
        let runs = found.runs[.metric("leak")]
        #expect(runs.map(\.value) == [.flag(false), .flag(true), .flag(false)])
        #expect(runs.map(\.since) == [0, 20, 40].map { noon + .seconds($0) })
        #expect(runs.map(\.lastTime) == [15, 35, 55].map { noon + .seconds($0) })
        #expect(found.isThinned && found.runs.isThinned && found.facts.count == 10)
        let few = hour(Array(leak.prefix(8)))
        #expect(!few.isThinned && few.facts.count == 8)
    }

    @Test func `keeps two dozen of a minute at most, whatever they say`() {
        let facts = (0..<1_000).compactMap { number in
            StateSet(["status": .text("\(number)")]).map {
                StateFact(time: noon + .milliseconds(number * 59), version: Int64(number), states: $0)
            }
        }
        let found = hour(facts)
        #expect(found.facts.map(\.version) == Array(Int64(0)..<8) + Array(Int64(992)..<1_000))
        var random = Random(state: 5)
        #expect(hour(facts.shuffled(using: &random)) == found)
        let alternating = self.facts(500, within: 60, &random)
        #expect(hour(alternating).facts.count <= 24)
    }

    @Test func `is of flags and short texts, and of the first few by name`() throws {
        #expect(StateSet(["temperature": .number(1), "x": .null]) == nil)
        #expect(StateSet(["note": .text(String(repeating: "x", count: 65))]) == nil)
        #expect(StateSet(["note": .text("a\0b")]) == nil)
        let many = Dictionary(uniqueKeysWithValues: (10..<30).map { ("s\($0)", MetricValue.flag(true)) })
        #expect(try #require(StateSet(many)).members.map(\.metric) == (10..<18).map { "s\($0)" })
    }
}

@Suite struct `The history of a state` {
    private func run(_ value: Bool, _ since: Int64, _ last: Int64, _ version: Int64) -> StateRun {
        StateRun(
            value: .flag(value), since: noon + .seconds(since), lastTime: noon + .seconds(last), version: version)
    }

    @Test func `goes on until another state is observed, over the hours and into the range`() {
        let runs = [run(true, 4_000, 7_000, 9), run(false, 0, 3_000, 1), run(true, 7_300, 7_400, 12)]
        let history = StateHistory(runs, from: noon + .seconds(1_000), to: noon + .seconds(10_000))
        #expect(history.stretches.map(\.value) == [.flag(false), .flag(true)])
        #expect(history.stretches.map(\.duration) == [.seconds(3_000), .seconds(6_000)])
        #expect(history.stretches.map(\.version) == [nil, 9])
        #expect(history.stretches.map(\.lastTime) == [noon + .seconds(3_000), noon + .seconds(7_400)])
        #expect(history.totals.map(\.value) == [.flag(true), .flag(false)])
        #expect(history.totals.map(\.stretches) == [1, 1])
    }

    @Test func `begins with what is known first, and knows nothing of what comes after`() {
        let history = StateHistory(
            [run(false, 100, 200, 1), run(true, 900, 900, 2)], from: noon, to: noon + .seconds(500))
        #expect(history.stretches.count == 1)
        #expect(history.stretches.first?.from == noon + .seconds(100) && history.stretches.first?.version == 1)
        #expect(StateHistory([], from: noon, to: noon + .seconds(1)).stretches.isEmpty)
    }
}

@Suite struct `A rolling average` {
    @Test(arguments: 0..<20) func `is the mean of the readings of its minutes, and of no others`(_ seed: UInt64) {
        var random = Random(state: seed &+ 3)
        var minutes: [MinuteSum] = []
        for minute in 0..<200 where Int.random(in: 0..<3, using: &random) > 0 {
            let isHuge = Int.random(in: 0..<60, using: &random) == 0
            minutes.append(
                MinuteSum(
                    start: noon + .seconds(minute * 60), count: Int64.random(in: 1...9, using: &random),
                    sum: isHuge ? 0 : Int128(Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)),
                    unsummed: isHuge ? 1 : 0))
        }
        for length in [1, 5, 60] {
            var average = RollingAverage(minutes: length)
            for minute in minutes {
                let point = average.take(minute)
                let own = minutes.filter {
                    $0.start <= minute.start && $0.start > minute.start - .seconds(Int64(length) * 60)
                }
                #expect(point.time == minute.start + .seconds(60))
                #expect(point.count == own.reduce(0) { $0 + $1.count })
                let mean = Double(own.reduce(0) { $0 + $1.sum }) / 1e6 / Double(point.count)
                #expect(point.mean == (own.contains { $0.unsummed > 0 } ? nil : mean))
            }
        }
    }

    @Test func `of no readings is none`() {
        var average = RollingAverage(minutes: 1)
        let point = average.take(MinuteSum(start: noon, count: 0, sum: 0, unsummed: 0))
        #expect(point.count == 0 && point.mean == nil)
    }
}
