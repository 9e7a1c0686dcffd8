import Foundation
import Runtime
import Testing

@testable import Aggregates

@Suite struct `Reading the payload of a reading` {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 31)
        }
    }

    private func foundation(_ bytes: [UInt8]) -> TelemetryRecorded? {
        try? JSONDecoder().decode(TelemetryRecorded.self, from: Data(bytes))
    }

    private func fact(_ random: inout Random) -> TelemetryRecorded {
        let names = ["temperature", "t", "", "Über", "a\"b", "humidity", "back\\slash", "日本"]
        var metrics: [String: MetricValue] = [:]
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let name = names[Int.random(in: 0..<names.count, using: &random)]
            metrics[name] =
                switch Int.random(in: 0..<9, using: &random) {
                case 0: .null
                case 1: .flag(Bool.random(using: &random))
                case 2: .text(names[Int.random(in: 0..<names.count, using: &random)])
                case 3: .number(Double(Int64.random(in: -1_000_000...1_000_000, using: &random)))
                case 4: .number((Double.random(in: -100...100, using: &random) * 100).rounded() / 100)
                case 5: .number(Double.random(in: -1e-3...1e-3, using: &random))
                case 6: .number(Double.random(in: -1e18...1e18, using: &random))
                case 7: .number(Double(Int64.random(in: .min ... .max, using: &random)))
                default: .number(Double.random(in: -1_000...1_000, using: &random))
                }
        }
        return TelemetryRecorded(
            metrics: metrics, seq: Bool.random(using: &random) ? Int64.random(in: .min ... .max, using: &random) : nil,
            clock: Bool.random(using: &random) ? .device : .server,
            delay: Bool.random(using: &random) ? Int64.random(in: .min ... .max, using: &random) : nil,
            flags: flags(&random),
            offset: Bool.random(using: &random) ? Int64.random(in: -9...9, using: &random) : nil,
            provisional: Bool.random(using: &random) ? Bool.random(using: &random) : nil,
            repetitions: Bool.random(using: &random) ? Int64.random(in: 1...9, using: &random) : nil,
            returned: Bool.random(using: &random) ? true : nil)
    }

    private func flags(_ random: inout Random) -> ReadingFlags? {
        let time: ReadingFlags.Time? = [.future, .unset, nil][Int.random(in: 0..<3, using: &random)]
        let schema = Bool.random(using: &random) || time == nil ? Int.random(in: 1...99, using: &random) : nil
        return Bool.random(using: &random)
            ? ReadingFlags(
                metrics: Bool.random(using: &random) ? ["t": .unknown] : [:],
                missing: Bool.random(using: &random) ? ["a", "b"] : [], schema: schema, time: time) : nil
    }

    @Test(arguments: 1...40) func `gives back what was written`(_ seed: UInt64) throws {
        var random = Random(state: seed)
        for _ in 0..<200 {
            let fact = fact(&random)
            let encoded = try Device.codec.encode(.telemetryRecorded(fact))
            let decoded = try Device.codec.decode(type: encoded.type, schemaVersion: 1, data: encoded.data)
            #expect(decoded == .telemetryRecorded(fact))
            if let quick = TelemetryJSON.decode(encoded.data) { #expect(quick == fact) }
            #expect(foundation(encoded.data) == fact)
        }
    }

    @Test(arguments: 1...40) func `answers as Foundation does, or not at all, whatever the bytes are`(_ seed: UInt64)
        throws
    {
        var random = Random(state: seed)
        let alphabet = Array(#"0123456789.-+eE{}[]",: truefalsnk\/"#.utf8) + [0, 0x1F, 0xC3, 0xBC, 0xFF]
        for _ in 0..<200 {
            var bytes = try TelemetryJSON.encode(fact(&random))
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = byte
                case 1: bytes.insert(byte, at: place)
                default: bytes.remove(at: place)
                }
            }
            if let quick = TelemetryJSON.decode(bytes) {
                #expect(quick == foundation(bytes), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test(arguments: [
        #"{"clock":"device","metrics":{"a":01}}"#, #"{"clock":"device","metrics":{"a":-}}"#,
        #"{"clock":"device","metrics":{"a":1.}}"#, #"{"clock":"device","metrics":{"a":.5}}"#,
        #"{"clock":"device","metrics":{"a":1,}}"#, #"{"clock":"moon","metrics":{}}"#,
        #"{"clock":"device","metrics":{}} "#, #"{"clock":"device","metrics":{},"seq":1.5}"#,
        #"{"clock":"device","metrics":{"a":1,"a":2}}"#, #"{"clock":"device","metrics":{"a":1e400}}"#,
        #"{"clock":"device","metrics":{"a":-0}}"#, #"{"clock":"device","metrics":{},"seq":9223372036854775808}"#,
        #"{"clock":"device","metrics":{"a":[1]}}"#, #"{"clock":"device","metrics":{"a":"\u0041"}}"#, "",
    ])
    func `leaves what is not canonical to Foundation`(_ text: String) {
        #expect(TelemetryJSON.decode(Array(text.utf8)) == nil)
    }

    @Test func `knows what devices send without Foundation`() {
        let text = #"{"clock":"device","metrics":{"on":true,"status":"OK","t":-24.1,"v":0.30000000000000004},"seq":7}"#
        #expect(
            TelemetryJSON.decode(Array(text.utf8))
                == TelemetryRecorded(
                    metrics: [
                        "on": .flag(true), "status": .text("OK"), "t": .number(-24.1), "v": .number(0.1 + 0.2),
                    ], seq: 7, clock: .device))
    }
}
