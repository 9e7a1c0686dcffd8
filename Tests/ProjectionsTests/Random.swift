import Runtime

/// Random numbers that come again with their seed.
struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 31)
    }
}

/// The instant that tests of views count from.
let noon = Timestamp(microseconds: 1_795_262_400_000_000)
