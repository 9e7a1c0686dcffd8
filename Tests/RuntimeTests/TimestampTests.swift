import Runtime
import Testing

@Suite struct `A timestamp` {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T04:00:00.123456Z", 1_795_233_600_123_456),
            ("2026-11-21T05:30:00+01:30", 1_795_233_600_000_000),
            ("2026-11-20T23:00:00.5-05:00", 1_795_233_600_500_000),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("0000-03-01T00:00:00Z", -62_162_035_200_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("2026-11-21t04:00:00.123456789z", 1_795_233_600_123_456),
        ] as [(String, Int64)])
    func `is read from RFC 3339`(text: String, microseconds: Int64) {
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-11-21", "2026-11-21T04:00:00", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00Zz", "+026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z",
    ])
    func `is not read from anything else`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999Z"), (1_000, "1970-01-01T00:00:00.001Z"),
            (1_001, "1970-01-01T00:00:00.001001Z"), (951_868_799_000_000, "2000-02-29T23:59:59Z"),
        ] as [(Int64, String)])
    func `is written with no, three or six digits of fraction`(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
    }

    @Test func `reads what it wrote`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let time = Timestamp(
                microseconds: .random(in: -62_167_219_200_000_000...253_402_300_799_999_999, using: &random))
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test func `saturates instead of trapping`() {
        let (first, last) = (Timestamp(microseconds: .min), Timestamp(microseconds: .max))
        #expect(last + .seconds(1) == last)
        #expect(first - .seconds(1) == first)
        #expect(Timestamp(microseconds: 0) + .seconds(Int64.max) == last)
        #expect(last - first > .zero)
        #expect(!first.description.isEmpty && !last.description.isEmpty)
        #expect(Timestamp(microseconds: 5) - Timestamp(microseconds: 2) == .microseconds(3))
        #expect(Timestamp(microseconds: 0) + .milliseconds(-1) == Timestamp(microseconds: -1_000))
    }
}
