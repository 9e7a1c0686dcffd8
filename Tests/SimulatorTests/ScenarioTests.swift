import Foundation
import Runtime
import Testing

@testable import Simulator

private let start = Timestamp(microseconds: 1_800_000_000_000_000)
private let episode = Episode(start: start, length: .seconds(1_000))

private func device(
    _ scenario: ScenarioName, _ type: SensorType = .temperature, seed: UInt64 = 7
) -> SimulatedDevice {
    SimulatedDevice(type, scenario, episode: episode, nextSeq: 1, random: SeededRandom(seed: seed))
}

/// What a device sends in 100 turns through one episode, ten seconds apart.
private func episodeOfMessages(_ scenario: ScenarioName, _ type: SensorType = .temperature) -> [Message] {
    var device = device(scenario, type)
    return (0..<100).flatMap { device.turn(at: start + .seconds($0 * 10)) } + device.rest()
}

private struct Parsed: Decodable {
    var ts: String
    var seq: Int64
    var status: String
    var voltage: Double
    var temperature: Double?
    var smoke: Double?
    var moisture: Double?
    var leak: Bool?
}

private func parsed(_ message: Message) throws -> [Parsed] {
    let data = Data(message.payload)
    return try message.seqs.count == 1
        ? [JSONDecoder().decode(Parsed.self, from: data)] : JSONDecoder().decode([Parsed].self, from: data)
}

@Suite struct `A scenario` {
    @Test func `is the same again for the same seed`() {
        for name in ScenarioName.allCases {
            #expect(episodeOfMessages(name) == episodeOfMessages(name))
        }
    }

    @Test(arguments: ScenarioName.allCases, SensorType.allCases)
    func `sends every reading it takes, as valid JSON`(name: ScenarioName, type: SensorType) throws {
        let readings = try episodeOfMessages(name, type).flatMap { try parsed($0) }
        let seqs = Set(readings.map(\.seq))
        #expect(seqs == Set(1...Int64(seqs.count)))
        #expect(readings.allSatisfy { Timestamp($0.ts) != nil && (2.0...4.0).contains($0.voltage) })
    }

    @Test func `normal sends one reading a turn, with the time of the turn`() throws {
        let messages = episodeOfMessages(.normal)
        #expect(messages.map(\.seqs) == (1...100).map { [$0] })
        #expect(Timestamp(try parsed(messages[3])[0].ts) == start + .seconds(30))
    }

    @Test func `burst is quiet and then loud`() {
        var device = device(.burst)
        let counts = (0..<50).map { device.turn(at: start + .seconds($0)).count }
        #expect(Set(counts) == [0, Burst.size])
        #expect(counts.reduce(0, +) == 50)
    }

    @Test func `late sends arrays out of order, and the rest at the end`() throws {
        let messages = episodeOfMessages(.late)
        #expect(messages.allSatisfy { $0.seqs.count <= LateArrival.most })
        #expect(messages.contains { $0.seqs != $0.seqs.sorted() })
        #expect(messages.flatMap(\.seqs).sorted() == Array(1...100))
    }

    @Test func `clock skew is minutes to hours and drifts`() throws {
        let times = try episodeOfMessages(.clockSkew).map { try #require(Timestamp(try parsed($0)[0].ts)) }
        let skews = times.enumerated().map { abs(($1 - (start + .seconds($0 * 10))) / .seconds(1)) }
        #expect(skews.allSatisfy { (100...7_300).contains($0) })
        #expect(skews.first != skews.last)
    }

    @Test func `duplicates come byte for byte`() {
        let messages = episodeOfMessages(.duplicates)
        let again = zip(messages, messages.dropFirst()).filter { $0 == $1 }
        #expect((20...80).contains(again.count))
        #expect(Set(messages.flatMap(\.seqs)).count == 100)
    }

    @Test func `a silent device stops and comes back with the next episode`() {
        var device = device(.silent)
        let counts = stride(from: 0, to: 1_400, by: 100).map { device.turn(at: start + .seconds($0)).count }
        #expect(counts == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    }

    @Test func `a fire raises smoke and heat, and the alarm, and ends`() throws {
        let readings = try episodeOfMessages(.fire, .smoke).flatMap { try parsed($0) }
        #expect(readings.prefix(20).allSatisfy { $0.status == "OK" })
        #expect(readings[60].status == "ALARM")
        #expect(try #require(readings[60].smoke) > 25)
        #expect(try #require(readings[60].temperature) > 80)
        #expect(try #require(readings.last).status == "OK")
    }

    @Test func `a leak rises slowly until it is mopped up`() throws {
        let moisture = try episodeOfMessages(.leak, .water).flatMap { try parsed($0) }.map { try #require($0.moisture) }
        #expect(moisture[10] < 5)
        #expect(moisture[30] > 10 && moisture[30] < 30)
        #expect(moisture[90] > 80)
        #expect(moisture[99] < 5)
    }

    @Test func `a failing battery sags, says LOW and misses readings`() throws {
        let readings = try episodeOfMessages(.battery, .battery).flatMap { try parsed($0) }
        #expect(readings[0].status == "OK")
        #expect(try #require(readings.last).voltage < 2.9)
        #expect(try #require(readings.last).status == "LOW")
        #expect(readings.count < 100)
    }
}

@Suite struct `The standard mix` {
    @Test(arguments: [10, 50, 1_000]) func `plays every scenario, mostly the normal one`(count: Int) {
        let types = (0..<count).map { SensorType.at($0) }
        let scenarios = ScenarioMix.standard.assign(to: types)
        #expect(Set(scenarios).count == ScenarioName.allCases.count)
        if count >= 50 { #expect(scenarios.count { $0 == .normal } * 2 > count) }
        #expect(zip(types, scenarios).allSatisfy { $1 != .leak || $0 == .water })
    }

    @Test func `is only normal for one device`() {
        #expect(ScenarioMix.standard.assign(to: [.smoke]) == [.normal])
        #expect(ScenarioMix.only(.fire).assign(to: [.smoke, .water]) == [.fire, .fire])
    }
}

@Suite struct `The showcase` {
    @Test(arguments: 3...60) func `has a device that gets hot and one that falls silent`(count: Int) {
        let types = (0..<count).map { SensorType.at($0) }
        let scenarios = ScenarioMix.showcase.assign(to: types)
        let hot = zip(types, scenarios).filter { $1 == .fire }.map(\.0)
        #expect(!hot.isEmpty && hot.allSatisfy { [.smoke, .temperature].contains($0) })
        #expect(scenarios.contains(.silent) && scenarios.contains(.normal))
        #expect(!scenarios.contains(.burst) && !scenarios.contains(.late))
    }

    @Test func `shows both within two minutes, as the page's fleet plays it`() throws {
        let account = OwnAccount.demonstration.settings
        let episode = Episode(start: start - .seconds(600) * 0.35, length: .seconds(600))
        func turns(_ name: ScenarioName, _ seconds: Int) throws -> [Parsed] {
            var device = SimulatedDevice(
                .temperature, name, episode: episode, nextSeq: 1, random: SeededRandom(seed: 7))
            return try stride(from: 0, to: seconds, by: 5).flatMap { device.turn(at: start + .seconds($0)) }
                .flatMap { try parsed($0) }
        }
        let warmEnough = try turns(.fire, 100).filter { ($0.temperature ?? 0) > account.overheating.limit }.count
        #expect(warmEnough * 5 >= account.overheating.seconds + account.overheating.n * 5)
        let heard = try turns(.silent, 120).count
        #expect(heard > 0 && heard * 5 + account.silence.seconds + account.silence.grace < 110)
    }
}

@Suite struct `The roster` {
    @Test func `names devices like real ones, each serial once`() {
        let entries = (0..<2_000).map { Roster(seed: 1).entry(at: $0) }
        #expect(entries[0].name == "Smoke alarm, hallway, Elm St 2 / 1A")
        #expect(Set(entries.map(\.serial)).count > 1_995)
        #expect(entries[5] == Roster(seed: 1).entry(at: 5))
    }
}
