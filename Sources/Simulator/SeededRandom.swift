/// SplitMix64: a small generator whose whole future lies in its seed.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Another generator, for one part of the fleet, which the other parts do not disturb.
    func derived(for part: Int) -> SeededRandom {
        var base = SeededRandom(seed: state ^ UInt64(truncatingIfNeeded: part) &* 0xD1B5_4A32_D192_ED03)
        return SeededRandom(seed: base.next())
    }

    /// About normally distributed, mean 0, deviation 1, never beyond 3.5.
    mutating func noise() -> Double {
        let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double.random(in: -1...1, using: &self) }
        return sum * 0.866
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
