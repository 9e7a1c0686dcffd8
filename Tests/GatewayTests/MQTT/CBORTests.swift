import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

@Suite struct `A telemetry message in CBOR` {
    private func readings(_ hex: String) throws(MalformedPayload) -> [Reading] {
        try TelemetryPayload.readings(of: bytes(hex))
    }

    @Test func `says the same as one in JSON`() throws {
        // {"ts": 0("2026-11-21T04:00:00Z"), "seq": 7, "temperature": 24.5, "status": "OK", "open": false, "note": null}
        let message =
            "a6 62 7473 c0 74 323032362d31312d32315430343a30303a30305a 63 736571 07 6b 74656d7065726174757265 f9 4e20"
            + "66 737461747573 62 4f4b 64 6f70656e f4 64 6e6f7465 f6"
        #expect(
            try readings(message) == [
                Reading(
                    time: Timestamp("2026-11-21T04:00:00Z"), seq: 7,
                    metrics: [
                        "temperature": .number(24.5), "status": .text("OK"), "open": .flag(false), "note": .null,
                    ])
            ])
    }

    @Test func `may be an array, have open lengths, be nested, and say that it is CBOR`() throws {
        // [_ {_ "a": 1}, {"g": {"b": (_ "x", "y")}}] behind tag 55799
        #expect(
            try readings("d9d9f7 9f bf 61 61 01 ff a1 61 67 a1 61 62 7f 61 78 61 79 ff ff").map(\.metrics) == [
                ["a": .number(1)], ["g.b": .text("xy")],
            ])
    }

    @Test(arguments: [
        // The examples of RFC 8949, appendix A.
        ("00", 0), ("1864", 100), ("1a000f4240", 1_000_000), ("1b000000e8d4a51000", 1_000_000_000_000),
        ("20", -1), ("3863", -100), ("3903e7", -1_000), ("1bffffffffffffffff", 0x1p64),
        ("3bffffffffffffffff", -0x1p64), ("f90000", 0), ("f93c00", 1), ("f93e00", 1.5),
        ("f97bff", 65_504), ("fa47c35000", 100_000), ("fa7f7fffff", 3.4028234663852886e+38),
        ("fb7e37e43c8800759c", 1e300),
        ("f90001", 5.960464477539063e-8), ("f90400", 0.00006103515625), ("f9c400", -4), ("fbc010666666666666", -4.1),
        ("fb3ff199999999999a", 1.1),
    ]) func `holds every kind of number`(hex: String, number: Double) throws {
        #expect(try readings("a1 61 61 \(hex)")[0].metrics["a"] == .number(number))
    }

    @Test(arguments: [("1a514b67b0", 0), ("fb41d452d9ec200000", 500_000)])
    func `may give its time in seconds since 1970`(hex: String, fraction: Int64) throws {
        let time = try readings("a2 62 7473 c1 \(hex) 61 61 01")[0].time
        #expect(time == Timestamp(microseconds: 1_363_896_240_000_000 + fraction))
    }

    @Test(arguments: [
        ("a1", "ends too early"), ("a1 61", "does not end"), ("a1 61 61", "ends too early"),
        ("a1 62 61", "does not end"), ("a1 61 61 18", "ends too early"), ("a1 61 61 01 00", "more bytes"),
        ("bf 61 61 01", "ends too early"), ("9f", "ends too early"), ("bb ffffffffffffffff", "ends too early"),
        ("9b 0000000100000000", "ends too early"), ("a1 61 61 1c", "reserved"), ("a1 61 61 1f", "reserved"),
        ("a1 61 61 ff", "reserved"), ("a1 01 01", "key is not a text"), ("a1 41 61 01", "key is not a text"),
        ("a1 61 61 41 00", "byte string"), ("a1 61 61 f7", "undefined"), ("a1 61 61 f814", "simple value"),
        ("a1 61 61 f97e00", "not finite"), ("a1 61 61 f97c00", "not finite"),
        ("a1 61 61 fbfff0000000000000", "not finite"),
        ("a1 61 61 c2 41 01", "tag 2"), ("a1 61 61 61 ff", "not UTF-8"), ("a1 61 61 7f 41 00 ff", "something else"),
        ("a1 61 61 61 00", "null character"), ("a2 61 61 01 61 61 02", "twice"), ("a1 61 61 81 01", "array"),
        ("80", "no reading"), ("a0", "no metric"), ("a2 63 736571 fb401c000000000000 61 61 01", "whole number"),
        ("a2 63 736571 20 61 61 01", "whole number"), ("a2 62 7473 01 61 61 01", "not a time"),
        ("a2 62 7473 c1 61 31 61 61 01", "not a number"),
        ("a2 62 7473 c1 1b ffffffffffffffff 61 61 01", "out of range"),
        ("a2 62 7473 c1 fb7ff8000000000000 61 61 01", "not finite"),
    ]) func `is refused with a reason`(hex: String, reason: String) {
        let fault = #expect(throws: MalformedPayload.self) { try readings(hex) }
        #expect(fault?.reason.contains(reason) == true, "\(fault?.reason ?? "accepted")")
    }

    @Test func `is refused if it is nested too deeply`() {
        #expect(throws: MalformedPayload.self) {
            try TelemetryPayload.readings(of: [UInt8](repeating: 0x81, count: 200_000))
        }
        #expect(throws: MalformedPayload.self) {
            try TelemetryPayload.readings(of: [0xD9, 0xD9, 0xF7] + [UInt8](repeating: 0xC1, count: 200_000))
        }
        #expect(throws: MalformedPayload.self) {
            try TelemetryPayload.readings(of: (0..<50_000).flatMap { _ in [0xD9, 0xD9, 0xF7] as [UInt8] })
        }
    }

    @Test func `never crashes the reader, whatever it holds`() {
        let seed = bytes("9f bf 62 7473 c1 fb41d452d9ec200000 61 61 7f 61 78 ff ff a1 61 67 a1 61 62 f93e00 ff")
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<50_000 {
            var message = seed
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<message.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: message[place] = .random(in: 0...255, using: &random)
                case 1: message.insert(.random(in: 0...255, using: &random), at: place)
                default: message.removeSubrange(place...)
                }
                if message.isEmpty { message = [0xA0] }
            }
            if (try? TelemetryPayload.readings(of: message)) != nil { accepted += 1 }
        }
        #expect(accepted > 0)
    }
}

/// The bytes that hexadecimal digits stand for.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
