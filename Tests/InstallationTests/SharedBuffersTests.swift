import Testing

@testable import Installation

@Suite struct `The memory that Postgres gets` {
    @Test(
        arguments: [
            (0, "128MB"), (512 << 20, "128MB"), (1 << 30, "256MB"), (16 << 30, "4096MB"), (32 << 30, "8192MB"),
            (UInt64.max, "8192MB"),
        ] as [(UInt64, String)])
    func `is a quarter of the machine's, within bounds`(memory: UInt64, setting: String) {
        #expect(SharedBuffers.setting(of: memory) == setting)
    }

    @Test func `is known here`() {
        #expect(SharedBuffers.memory > 100 << 20)
    }
}
