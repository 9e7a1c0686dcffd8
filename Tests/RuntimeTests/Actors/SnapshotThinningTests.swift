import Foundation
import Runtime
import Testing

@Suite struct `Thinned snapshots` {
    /// What is kept when snapshots are offered in turn, and a check after each.
    private func keep(_ offered: [Int64], check: ([Int64]) -> Void = { _ in }) -> [Int64] {
        var kept: [Int64] = []
        for version in offered {
            kept.append(version)
            let surplus = Set(SnapshotThinning.surplus(of: kept))
            kept.removeAll { surplus.contains($0) }
            check(kept)
        }
        return kept
    }

    /// Offers as actors make them: mostly an interval apart, earlier when they go to sleep, later after large turns.
    private func offers(_ seed: UInt64, count: Int) -> [Int64] {
        var random = SeededRandom(seed: seed)
        let widest = Int64([1, 100, 400].randomElement(using: &random) ?? 1)
        var version: Int64 = 0
        return (0..<count).map { _ in
            version += Int64.random(in: 1...widest, using: &random)
            return version
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `lie behind any version at most by half of its age, or by what was offered`(_ seed: UInt64) {
        let offered = offers(seed, count: 400)
        let stretches = Dictionary(uniqueKeysWithValues: zip(offered, [0] + offered))
        _ = keep(offered) { kept in
            let newest = kept.last ?? 0
            for (older, newer) in zip([0] + kept, kept) where stretches[newer] != older {
                // The version just before the newer one has the longest way back.
                #expect(2 * (newer - older) <= newest - newer, "\(older) to \(newer) of \(newest)")
            }
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `are never further apart than a past state may take to fold`(_ seed: UInt64) {
        _ = keep(offers(seed, count: 1_500)) { kept in
            let longest = zip([0] + kept, kept).map { $1 - $0 }.max() ?? 0
            #expect(longest <= SnapshotThinning.longestStretch)
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `are as many as the logarithm of the events, and one for each thousand`(_ seed: UInt64) {
        _ = keep(offers(seed, count: 1_500)) { kept in
            let events = Double(kept.last ?? 1)
            let limit = 2 * log(events) / log(1.5) + 2 * events / Double(SnapshotThinning.longestStretch) + 4
            #expect(Double(kept.count) <= limit)
        }
    }

    @Test func `keep the newest two, whatever comes`() {
        for seed in 0..<8 as Range<UInt64> {
            let offered = offers(seed, count: 120)
            for end in 2...offered.count {
                #expect(keep(Array(offered[..<end])).suffix(2) == offered[end - 2..<end])
            }
        }
    }

    @Test func `of ten thousand events are these`() {
        let kept = keep((1...100).map { Int64($0) * 100 })
        #expect(kept.count < 20 && kept.last == 10_000 && kept.contains(9_900))
    }

    @Test func `are judged in any order`() {
        let versions = offers(3, count: 100)
        #expect(
            Set(SnapshotThinning.surplus(of: versions.shuffled())) == Set(SnapshotThinning.surplus(of: versions)))
    }

    @Test func `of an earlier state version go, and of a later one stay`() {
        typealias Place = SnapshotThinning.Place
        let stored = [Place(version: 100, stateVersion: 1), Place(version: 200, stateVersion: 3)]
        #expect(SnapshotThinning.surplus(of: stored, beside: Place(version: 300, stateVersion: 2)) == [100])
        #expect(SnapshotThinning.surplus(of: stored, beside: Place(version: 100, stateVersion: 2)).isEmpty)
    }
}
