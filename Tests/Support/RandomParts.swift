package import Aggregates
import Foundation
package import Runtime

/// Values of every kind, with texts that JSON must escape and numbers of every size.
package struct RandomParts<Random: RandomNumberGenerator> {
    package private(set) var random: Random

    package init(random: Random) { self.random = random }

    package mutating func one<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &random)]
    }

    package mutating func maybe<Value>(_ value: (inout Self) -> Value) -> Value? {
        Bool.random(using: &random) ? value(&self) : nil
    }

    package mutating func name() -> String { one(["a", "north", "T-1000"]) }

    package mutating func text() -> String {
        one([
            "Kitchen", "", "Äther \\ 1", "a/b", "\"", "line\nline\u{1}", "tab\t", "日本", "\u{7F}", "\u{2028}",
            "e\u{301}",
        ])
    }

    package mutating func count() -> Int64 { one([0, 1, 99, Int64.random(in: 0...(.max), using: &random)]) }

    package mutating func degrees() -> Double { (Double.random(in: -90...90, using: &random) * 1e4).rounded() / 1e4 }

    package mutating func number() -> Double {
        one([
            0, -0.0, 1, -17, 24.75, 0.1, 1e15, 1e-7, 123_456_789_012_345_680,
            Double.random(in: -1e20...1e20, using: &random),
            Double.random(in: -1...1, using: &random),
        ])
    }

    /// Between the years 1 and 9999.
    package mutating func time() -> Timestamp {
        let seconds = Int64.random(in: -62_000_000_000...253_000_000_000, using: &random)
        return Timestamp(microseconds: seconds * 1_000_000 + one([0, 250_000, 1]))
    }

    package mutating func value() -> MetricValue {
        one([.number(number()), .text(text()), .flag(true), .flag(false), .null])
    }

    package mutating func members<Value>(_ value: (inout Self) -> Value) -> [String: Value] {
        let names = ["t", "temperature", "floor", "a.b", "A", "\"", "Über", "z-1", "10", "9", ""]
        var members: [String: Value] = [:]
        for _ in 0..<one([0, 1, 4]) { members[one(names)] = value(&self) }
        return members
    }

    package mutating func clock() throws -> DeviceClock {
        let candidate: [Int64?] = one([[nil, nil, nil], [count(), -count(), 3]])
        let numbers: [Int64?] =
            [-count(), count(), count(), count(), 5, one([0, 1]), maybe { $0.count() }] + candidate
        guard let clock = DeviceClock(packed: numbers) else { throw CocoaError(.coderInvalidValue) }
        return clock
    }

    /// Its parts are nobody's to set, so it is read from JSON.
    package mutating func connectivity() throws -> Connectivity {
        var parts: [String: JSONValue] = [
            "presence": .text(one(["unknown", "online", "offline"])), "hasSession": .bool(one([true, false])),
            "sessions": .number(Double(one([0, 7, 1_000_000]))),
            "changes": .list((0..<one([0, 1, 3])).map { _ in .text(time().description) }),
        ]
        parts["since"] = maybe { .text($0.time().description) }
        parts["firmware"] = maybe { .text($0.text()) }
        parts["flappingUntil"] = maybe { .text($0.time().description) }
        return try JSONDecoder().decode(Connectivity.self, from: try JSONEncoder().encode(parts))
    }
}
