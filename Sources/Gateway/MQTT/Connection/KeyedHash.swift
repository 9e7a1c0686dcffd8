/// SipHash-1-3, as in `Sources/BrokerGuard/KeyedHash.c`.
struct KeyedHash: Sendable, Equatable {
    let k0: UInt64
    let k1: UInt64

    func hash(_ bytes: some Collection<UInt8>) -> UInt64 {
        var state = State(k0, k1)
        var (word, length): (UInt64, UInt64) = (0, 0)
        for byte in bytes {
            word |= UInt64(byte) << (8 * (length % 8))
            length += 1
            if length % 8 == 0 {
                state.take(word)
                word = 0
            }
        }
        state.take(word | length << 56)
        return state.end()
    }

    private struct State {
        private var (v0, v1, v2, v3): (UInt64, UInt64, UInt64, UInt64)

        init(_ k0: UInt64, _ k1: UInt64) {
            (v0, v1) = (k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d)
            (v2, v3) = (k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573)
        }

        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            v0 ^= word
        }

        mutating func end() -> UInt64 {
            v2 ^= 0xff
            for _ in 0..<3 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = v1.turned(13) ^ v0
            v0 = v0.turned(32)
            v2 &+= v3
            v3 = v3.turned(16) ^ v2
            v0 &+= v3
            v3 = v3.turned(21) ^ v0
            v2 &+= v1
            v1 = v1.turned(17) ^ v2
            v2 = v2.turned(32)
        }
    }
}

extension UInt64 {
    fileprivate func turned(_ bits: UInt64) -> UInt64 { self << bits | self >> (64 - bits) }
}
