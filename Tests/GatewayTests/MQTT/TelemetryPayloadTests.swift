import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

@Suite struct `A telemetry message` {
    private func readings(_ text: String) throws(MalformedPayload) -> [Reading] {
        try TelemetryPayload.readings(of: Array(text.utf8))
    }

    @Test func `is one object`() throws {
        let readings = try readings(
            #" {"ts":"2026-11-21T04:00:00Z","seq":7,"temperature":24.1,"status":"OK","open":false,"note":null} "#)
        #expect(
            readings == [
                Reading(
                    time: Timestamp("2026-11-21T04:00:00Z"), seq: 7,
                    metrics: ["temperature": .number(24.1), "status": .text("OK"), "open": .flag(false), "note": .null])
            ])
    }

    @Test func `is an array of objects`() throws {
        #expect(try readings(#"[{"a":1},{"a":2}]"#).map(\.metrics) == [["a": .number(1)], ["a": .number(2)]])
    }

    @Test func `has nested objects flattened to four levels`() throws {
        #expect(
            try readings(#"{"gps":{"lat":1,"fix":{"sat":{"n":4}}}}"#)[0].metrics == [
                "gps.lat": .number(1), "gps.fix.sat.n": .number(4),
            ])
        #expect(throws: MalformedPayload.self) { try readings(#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#) }
    }

    @Test func `has reserved keys at its top only`() throws {
        #expect(
            try readings(#"{"gps":{"ts":1,"seq":"x"}}"#)[0].metrics == ["gps.ts": .number(1), "gps.seq": .text("x")])
        #expect(try readings(#"{"ts":null,"seq":null,"a":1}"#)[0] == Reading(metrics: ["a": .number(1)]))
    }

    @Test func `may hold any text`() throws {
        let text = #"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é😀"}"#
        #expect(try readings(text)[0].metrics == ["a": .text("\"\\/\u{8}\u{C}\n\r\té😀 é😀")])
    }

    @Test(arguments: [
        ("", "not a JSON object"), ("nonsense", "not a JSON object"), ("42", "not a JSON object"),
        ("[]", "no reading"), ("{}", "no metric"), (#"{"ts":"2026-11-21T04:00:00Z","seq":1}"#, "no metric"),
        (#"{"a":{}}"#, "no metric"), ("[1]", "not a JSON object"), ("[[{}]]", "not a JSON object"),
        (#"{"a":1"#, "comma"), (#"{"a":1}}"#, "more text"), (#"{"a":1,}"#, "key is missing"),
        (#"{"a" 1}"#, "colon"), (#"{"a":}"#, "neither"), (#"{a:1}"#, "key is missing"), (#"[{"a":1},]"#, "object"),
        (#"{"a":[1]}"#, "array"), (#"{"a":NaN}"#, "neither"), (#"{"a":Infinity}"#, "neither"),
        (#"{"a":1e999}"#, "too large"), (#"{"a":-1e999}"#, "too large"), (#"{"a":01}"#, "neither"),
        (#"{"a":1.}"#, "neither"), (#"{"a":.5}"#, "neither"), (#"{"a":1e}"#, "neither"), (#"{"a":+1}"#, "neither"),
        (#"{"a":-}"#, "neither"), (#"{"a":"x\u0000y"}"#, "null character"), ("{\"a\":\"x\0y\"}", "null character"),
        ("{\"a\":\"x\u{1}y\"}", "control character"), (#"{"a":"\ud800"}"#, "surrogate"),
        (#"{"a":"\udc00"}"#, "surrogate"), (#"{"a":"\ud800\u0041"}"#, "surrogate"), (#"{"a":"\x"}"#, "escape"),
        (#"{"a":"\u12"}"#, "escape"), (#"{"a":"open"#, "does not end"), (#"{"a":"open\"#, "does not end"),
        (#"{"a":1,"a":2}"#, "twice"), (#"{"a.b":1,"a":{"b":2}}"#, "twice"), (#"{"seq":1,"seq":1,"a":1}"#, "twice"),
        (#"{"ts":null,"ts":null,"a":1}"#, "twice"), (#"{"seq":1.5,"a":1}"#, "whole number"),
        (#"{"seq":-1,"a":1}"#, "whole number"), (#"{"seq":"1","a":1}"#, "whole number"),
        (#"{"seq":1e3,"a":1}"#, "whole number"), (#"{"seq":9223372036854775808,"a":1}"#, "whole number"),
        (#"{"ts":"yesterday","a":1}"#, "not a time"), (#"{"ts":1700000000,"a":1}"#, "not a time"),
        (#"{"ts":"2026-02-30T00:00:00Z","a":1}"#, "not a time"), (#"{"":1}"#, "0 bytes"),
        ("{\"\(String(repeating: "n", count: 129))\":1}", "129 bytes"),
    ]) func `is refused with a reason`(text: String, reason: String) {
        let fault = #expect(throws: MalformedPayload.self) { try readings(text) }
        #expect(fault?.reason.contains(reason) == true, "\(fault?.reason ?? "accepted")")
        #expect(fault?.advice.isEmpty == false)
    }

    @Test func `is refused if it is too large, too long or too deep`() {
        #expect(throws: MalformedPayload.self) {
            try readings("{\"a\":\"\(String(repeating: "x", count: 256 << 10))\"}")
        }
        let many = Array(repeating: #"{"a":1}"#, count: 1_001).joined(separator: ",")
        #expect(throws: MalformedPayload.self) { try readings("[\(many)]") }
        let wide = (0...1_000).map { "\"m\($0)\":1" }.joined(separator: ",")
        #expect(throws: MalformedPayload.self) { try readings("{\(wide)}") }
        #expect(throws: MalformedPayload.self) { try readings(String(repeating: "[", count: 200_000)) }
        #expect(throws: MalformedPayload.self) { try readings(String(repeating: #"{"a":"#, count: 40_000)) }
        #expect(throws: MalformedPayload.self) {
            try TelemetryPayload.readings(of: Array(#"{"a":""#.utf8) + [0xff, 0x22, 0x7d])
        }
        #expect(throws: MalformedPayload.self) { try TelemetryPayload.readings(of: [0, 0, 0]) }
    }

    @Test func `keeps every number that a Double can hold`() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let number: Double =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 1_000
                case 1: Double(Int.random(in: .min ... .max, using: &random))
                case 2: Double.random(in: -1e10...1e10, using: &random)
                default: Double(bitPattern: .random(in: .min ... .max, using: &random))
                }
            guard number.isFinite else { continue }
            #expect(try readings("{\"a\":\(number)}")[0].metrics["a"] == .number(number))
        }
        for literal in [
            "0", "-0", "0.1", "1E5", "1e-7", "123456789012345", "1234567890123456789", "0.000001", "5e-324",
        ] {
            #expect(try readings("{\"a\":\(literal)}")[0].metrics["a"] == .number(Double(literal) ?? .nan))
        }
    }

    @Test func `never crashes the parser, whatever it holds, and is never accepted where Foundation refuses`() throws {
        var random = SystemRandomNumberGenerator()
        let seeds = [
            #"[{"ts":"2026-11-21T04:00:00Z","seq":7,"a":{"b":-1.5e3,"c":"x\u00e9\n"}},{"t":true,"n":null}]"#,
            #"{"temperature":24.1,"status":"OK","x":[1,2]}"#,
        ].map { Array($0.utf8) }
        for round in 0..<20_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(#"{}[]",:\0e-.u"#.utf8.randomElement(using: &random) ?? 0, at: place)
                default: bytes.removeLast(min(bytes.count - 1, 3))
                }
            }
            guard let readings = try? TelemetryPayload.readings(of: bytes) else { continue }
            #expect(
                (try? JSONSerialization.jsonObject(with: Data(bytes))) != nil,
                "\(String(decoding: bytes, as: UTF8.self))")
            #expect(readings.allSatisfy { !$0.metrics.isEmpty })
        }
    }
}
