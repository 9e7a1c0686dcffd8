package import Aggregates
package import Runtime

/// A stretch of facts, one after the other, that say the same.
package struct StateRun: Sendable, Hashable {
    package var value: MetricValue
    /// When its first and its last fact were observed.
    package var since: Timestamp
    package var lastTime: Timestamp
    /// Of the event with the first one, in the device's stream.
    package var version: Int64
    /// Whether facts of its hour were left out.
    package var isThinned = false

    package init(value: MetricValue, since: Timestamp, lastTime: Timestamp, version: Int64) {
        self.value = value
        self.since = since
        self.lastTime = lastTime
        self.version = version
    }
}

/// Of what one asks.
package enum StateSubject: Sendable, Hashable {
    case connectivity
    case metric(String)
}

/// The calculator of states: facts in the order in which they were observed, and of each subject its runs.
package struct StateRuns: Sendable, Hashable {
    package private(set) var connectivity: [StateRun] = []
    package private(set) var metrics: [String: [StateRun]] = [:]
    /// Whether facts were left out.
    package var isThinned = false

    package init() {}

    package subscript(subject: StateSubject) -> [StateRun] {
        switch subject {
        case .connectivity: connectivity
        case .metric(let name): metrics[name] ?? []
        }
    }

    mutating func take(_ fact: ConnectivityFact) {
        let value = MetricValue.text(fact.isOnline ? "online" : "offline")
        let run = StateRun(value: value, since: fact.time, lastTime: fact.time, version: fact.version)
        Self.take(run, into: &connectivity)
    }

    /// Takes the next facts; those that say the same are gone through as one.
    package mutating func take(_ facts: [StateFact]) {
        var next = facts.startIndex
        while next < facts.endIndex {
            let first = facts[next]
            var last = first.time
            next += 1
            while next < facts.endIndex, facts[next].states == first.states {
                last = facts[next].time
                next += 1
            }
            for member in first.states.members {
                Self.take(
                    StateRun(value: member.value, since: first.time, lastTime: last, version: first.version),
                    into: &metrics[member.metric, default: []])
            }
        }
    }

    private static func take(_ run: StateRun, into runs: inout [StateRun]) {
        if let last = runs.indices.last, runs[last].value == run.value {
            runs[last].lastTime = run.lastTime
        } else {
            runs.append(run)
        }
    }

    // MARK: As JSON

    /// Each run as value, first and last time in microseconds of the hour, and version: short, since each reading writes it.
    func json(from start: Timestamp) -> String {
        var text = "{"
        if !connectivity.isEmpty {
            text += #""connectivity":"#
            Self.append(connectivity, start, to: &text)
            if !metrics.isEmpty { text += "," }
        }
        if !metrics.isEmpty {
            text += #""metrics":{"#
            var isFirst = true
            for (metric, runs) in metrics.sorted(by: { $0.key < $1.key }) {
                if !isFirst { text += "," }
                isFirst = false
                text += ViewJSON.encode(metric)
                text += ":"
                Self.append(runs, start, to: &text)
            }
            text += "}"
        }
        if isThinned { text += text == "{" ? #""thinned":true"# : #","thinned":true"# }
        return text + "}"
    }

    private static func append(_ runs: [StateRun], _ start: Timestamp, to text: inout String) {
        text += "["
        for (place, run) in runs.enumerated() {
            if place > 0 { text += "," }
            text += "["
            switch run.value {
            case .flag(let flag): text += flag ? "true" : "false"
            case .text(let value): text += ViewJSON.encode(value)
            case .number, .null: text += "null"
            }
            for number in [
                run.since.microseconds - start.microseconds, run.lastTime.microseconds - start.microseconds,
                run.version,
            ] {
                text += ","
                text += String(number)
            }
            text += "]"
        }
        text += "]"
    }

    /// One subject's runs of an hour.
    static func decode(
        _ json: [UInt8], from start: Timestamp, isThinned: Bool
    ) throws(PostgresError) -> [StateRun] {
        let runs: [StoredRun] = try ViewJSON.decode(json)
        return runs.map { run in
            var decoded = StateRun(
                value: run.value, since: start + .microseconds(run.since), lastTime: start + .microseconds(run.last),
                version: run.version)
            decoded.isThinned = isThinned
            return decoded
        }
    }

    private struct StoredRun: Decodable {
        var value: MetricValue
        var since: Int64
        var last: Int64
        var version: Int64

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            value = try list.decode(MetricValue.self)
            since = try list.decode(Int64.self)
            last = try list.decode(Int64.self)
            version = try list.decode(Int64.self)
        }
    }
}
