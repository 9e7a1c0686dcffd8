import Aggregates
import Runtime
import Testing

@Suite struct `The payload of a reading` {
    private func roundTrip(_ fact: TelemetryRecorded) throws -> (text: String, back: Device.Event) {
        let encoded = try Device.codec.encode(.telemetryRecorded(fact))
        return (
            String(decoding: encoded.data, as: UTF8.self),
            try Device.codec.decode(type: encoded.type, schemaVersion: encoded.schemaVersion, data: encoded.data)
        )
    }

    @Test func `is written with its keys in order and read back as it was`() throws {
        let fact = TelemetryRecorded(
            metrics: [
                "temperature": .number(24.1), "count": .number(7), "tiny": .number(1.5e-300), "huge": .number(1.7e308),
                "minus": .number(-0.5), "status": .text("OK"), "open": .flag(true), "gone": .null,
            ], seq: 12, clock: .device, offset: 3, provisional: true)
        let (text, back) = try roundTrip(fact)
        #expect(back == .telemetryRecorded(fact))
        #expect(text.hasPrefix(#"{"clock":"device","metrics":{"count":7,"gone":null,"huge":1.7e+308,"minus":-0.5,"#))
        #expect(text.hasSuffix(#""temperature":24.1,"tiny":1.5e-300},"offset":3,"provisional":true,"seq":12}"#))
    }

    @Test(arguments: ["", "\"", "\\", "\\u0041", "a\nb\t\u{1}", "Über 🌡", "\u{2028}", "</script>", "\u{7F}"])
    func `keeps any text`(_ text: String) throws {
        let fact = TelemetryRecorded(metrics: [text + "k": .text(text)], seq: nil, clock: .server)
        #expect(try roundTrip(fact).back == .telemetryRecorded(fact))
    }

    @Test(arguments: 0..<50) func `keeps any number`(_ seed: UInt64) throws {
        var bits = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        for _ in 0..<40 {
            bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Double(bitPattern: bits)
            guard number.isFinite else { continue }
            let fact = TelemetryRecorded(metrics: ["v": .number(number)], seq: Int64(bits >> 1), clock: .device)
            #expect(try roundTrip(fact).back == .telemetryRecorded(fact))
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func `refuses what JSON cannot say`(_ number: Double) {
        let fact = TelemetryRecorded(metrics: ["v": .number(number)], seq: nil, clock: .device)
        #expect(throws: EventCodecError.self) { try Device.codec.encode(.telemetryRecorded(fact)) }
    }
}
