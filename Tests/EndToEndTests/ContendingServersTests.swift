import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    /// For a few seconds, or for as long as `make chaos` says.
    @Suite(.timeLimit(.minutes(120))) struct `Two servers that fight over the same hundred devices` {
        private static let length = ChaosPlan.isLong ? ChaosPlan.duration : .seconds(4)

        @Test func `carry out each acknowledged command once, though one is killed and comes back`() async throws {
            try await TestedSystem.with { system in
                let pair = try await ServerPair(on: system)
                var devices: [String] = []
                for number in 1...100 { devices.append(try await pair.any.register("fought-\(number)").id) }
                let ids = devices
                let contenders = try await withThrowingTaskGroup(of: Contender?.self) { group in
                    let end = ContinuousClock.now + Self.length
                    for index in 0..<8 {
                        group.addTask {
                            var contender = Contender(index, over: ids, at: pair)
                            while await pair.isFoughtFor(until: end) { try await contender.act() }
                            return contender
                        }
                    }
                    group.addTask {
                        try await Task.sleep(for: Self.length / 2)
                        try await pair.killOne()
                        return nil
                    }
                    return try await group.compactMap { $0 }.reduce(into: [Contender]()) { $0.append($1) }
                }
                let history = contenders.reduce(into: SentHistory()) { $0.acknowledged.formUnion($1.acknowledged.keys) }
                let conflicts = try await pair.conflicts
                print(
                    "Two servers took \(history.acknowledged.count) commands for the same devices, "
                        + "\(contenders.reduce(0) { $0 + $1.repetitions }) of them again, and refused "
                        + "\(contenders.reduce(0) { $0 + $1.refusals }); the log refused \(conflicts) appends.")
                try await Self.check(contenders, history, system)
                guard conflicts > 0, contenders.contains(where: { $0.refusals > 0 }) else {
                    throw Wrong("they did not fight: \(conflicts) conflicts, \(contenders.map(\.refusals)) refusals")
                }
            }
        }

        private static func check(
            _ contenders: [Contender], _ history: SentHistory, _ system: TestedSystem
        ) async throws {
            let stored = try await system.renamings()
            try none(history.anomalies(inLog: stored.map(\.operation)), of: "commands")
            // Each was answered with what it has become in its stream.
            let places = Dictionary(stored.map { ($0.operation, $0.place) }) { first, _ in first }
            for contender in contenders {
                for (operation, place) in contender.acknowledged where places[operation] != place {
                    let found = places[operation].map { "\($0)" } ?? "nowhere"
                    throw Wrong("\(operation) was answered as \(place), and is \(found)")
                }
            }
            let checker = Checker(system: system)
            try await checker.logIsSound()
            try await system.viewsCaughtUp()
            try await checker.viewsCountAsTheLog()
            try await checker.viewsEqualRebuild()
        }
    }
}

/// Where an event is.
private struct Place: Sendable, Hashable {
    var device: String
    var version: Int64
}

/// Two servers, of which one may be away.
private actor ServerPair {
    private let system: TestedSystem
    private var servers: [ServerProcess] = []
    /// Whether one was killed and has come back, and there are snapshots to be compared.
    private var isThrough = false

    init(on system: TestedSystem) async throws {
        self.system = system
        for name in ["first", "second"] { servers.append(try await system.start(name)) }
    }

    var apis: [API] { servers.map { system.api($0) } }
    var any: API { system.api(servers[0]) }

    func isFoughtFor(until end: ContinuousClock.Instant) -> Bool { !isThrough || ContinuousClock.now < end }

    /// Kills one of them, lets the other go on alone for a while, and then both.
    func killOne() async throws {
        var numbers = SeededNumbers(stream: 98)
        let index = Int.random(in: 0..<2, using: &numbers)
        await servers[index].kill()
        try await system.growth(by: 50)
        // Others may ask meanwhile: until it is there, nobody answers at its new port either.
        servers[index] = try system.launch(servers[index].name)
        try await servers[index].ready(within: .seconds(60))
        try await system.growth(by: 50)
        try await eventually("a device has a snapshot", every: .milliseconds(100)) {
            try await system.number("snapshots", "select count(*) from snapshots") > 0
        }
        isThrough = true
    }

    /// Appends that the log refused, as far as the servers that live know.
    var conflicts: Int {
        get async throws {
            var sum = 0
            for api in apis {
                let name = "fleetlog_append_conflicts_total "
                let lines = try await api.send("GET", "/metrics").text.split(separator: "\n")
                sum += lines.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) } ?? 0
            }
            return sum
        }
    }
}

/// Renames devices through both servers, one command after another, each until it is answered.
private struct Contender: Sendable {
    private(set) var acknowledged: [SentHistory.Operation: Place] = [:]
    /// Commands that came too late: somebody else had renamed the device.
    private(set) var refusals = 0
    /// Commands that were sent again though they had been answered.
    private(set) var repetitions = 0

    private let name: String
    private let devices: [String]
    private let pair: ServerPair
    private var numbers: SeededNumbers
    private var number = 0
    /// The version that this one has seen of each device.
    private var seen: [String: Int64] = [:]

    init(_ index: Int, over devices: [String], at pair: ServerPair) {
        name = "contender\(index)"
        self.devices = devices
        self.pair = pair
        numbers = SeededNumbers(stream: 100 + index)
    }

    mutating func act() async throws {
        number += 1
        // Half of them are for one device, which comes to have a snapshot.
        let isHot = Bool.random(using: &numbers)
        let device = devices[isHot ? 0 : Int.random(in: 0..<devices.count, using: &numbers)]
        let expected = number.isMultiple(of: 4) ? seen[device] : nil
        let first = Int.random(in: 0..<2, using: &numbers)
        let answer: API.Answer
        if number.isMultiple(of: 8) {
            // To both at once: one carries it out, and both answer.
            async let here = ask(for: device, expected, first)
            async let there = ask(for: device, expected, 1 - first)
            let both = try await (here, there)
            guard both.0.status == both.1.status else {
                throw Wrong("one of two answers to \(name) \(number) is \(both.0.text), the other \(both.1.text)")
            }
            answer = both.0
            try note(both.1, again: true, device, expected)
        } else {
            answer = try await ask(for: device, expected, first)
        }
        try note(answer, again: false, device, expected)
        if answer.status == 200, number.isMultiple(of: 5) {
            try note(try await ask(for: device, expected, 1 - first), again: true, device, expected)
        }
    }

    /// - Parameter expected: the version at which the device is to be renamed, and at no other; any if nil.
    private func ask(for device: String, _ expected: Int64?, _ first: Int) async throws -> API.Answer {
        var headers = ["Idempotency-Key": "\(name)-\(number)"]
        headers["If-Match"] = expected.map { "\"\($0)\"" }
        for attempt in 0... {
            let api = await pair.apis[(first + attempt) % 2]
            let answer = try? await api.send(
                "PATCH", "/api/v1/devices/\(device)", #"{"name":"\#(name) \#(number)"}"#, headers: headers)
            if let answer, answer.status < 500 { return answer }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw CancellationError()
    }

    private mutating func note(
        _ answer: API.Answer, again isAgain: Bool, _ device: String, _ expected: Int64?
    ) throws {
        let operation = SentHistory.Operation(name, number)
        if answer.status == 412, expected != nil {
            refusals += 1
            seen[device] = nil
            return
        }
        guard answer.status == 200 else { throw Wrong("\(operation) was answered \(answer.status) \(answer.text)") }
        let renamed: API.Device = try answer.value()
        guard renamed.name == "\(name) \(number)" else { throw Wrong("\(operation) was answered \(answer.text)") }
        if let expected, renamed.version != expected + 1 {
            throw Wrong("\(operation) was to follow version \(expected), and has become \(renamed.version)")
        }
        let place = Place(device: device, version: renamed.version)
        if let before = acknowledged.updateValue(place, forKey: operation), before != place {
            throw Wrong("\(operation) was answered as \(before) and as \(place)")
        }
        if isAgain { repetitions += 1 }
        seen[device] = renamed.version
    }
}

extension TestedSystem {
    /// The commands of contenders that the log has, in its order, and where.
    fileprivate func renamings() async throws -> [(operation: SentHistory.Operation, place: Place)] {
        let statement = Statement(
            "renamings",
            """
            select split_part(data ->> 'name', ' ', 1), split_part(data ->> 'name', ' ', 2)::bigint,
                substr(stream, 8), version
            from events where type = 'DeviceUpdated' order by position
            """)
        let rows = try await pool.withConnection { try await $0.query(statement(), timeout: .seconds(60)) }
        return try rows.map {
            (
                SentHistory.Operation(try $0.text(0), Int(try $0.int8(1))),
                Place(device: try $0.text(2), version: try $0.int8(3))
            )
        }
    }
}
