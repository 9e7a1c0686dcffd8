import Runtime
import Testing

@Suite struct `A UUID` {
    @Test func `is written in lower case and read in either`() {
        let id = UUID128(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
        #expect(id.description == "01234567-89ab-cdef-fedc-ba9876543210")
        #expect(UUID128(id.description) == id)
        #expect(UUID128("01234567-89AB-CDEF-FEDC-BA9876543210") == id)
    }

    @Test(arguments: [
        "", "0123456789abcdeffedcba9876543210", "01234567-89ab-cdef-fedc-ba987654321g",
        "01234567-89ab-cdef-fedc-ba98765432100", "01234567x89ab-cdef-fedc-ba9876543210",
    ])
    func `is not read from anything else`(text: String) {
        #expect(UUID128(text) == nil)
    }

    @Test func `of version 7 sorts by time and carries version and variant`() {
        let early = UUID128.v7(at: Timestamp(microseconds: 1_000_000), random: (.max, .max))
        let late = UUID128.v7(at: Timestamp(microseconds: 1_001_000), random: (0, 0))
        #expect(early < late)
        #expect(early.description == "00000000-03e8-7fff-bfff-ffffffffffff")
        #expect(late.description == "00000000-03e9-7000-8000-000000000000")
        #expect(UUID128.v7() != UUID128.v7())
    }
}
