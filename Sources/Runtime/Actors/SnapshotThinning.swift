/// Which snapshots of a stream are kept: dense behind its newest one, ever sparser towards its beginning.
///
/// The age of a version is its distance from the newest snapshot. Going from the newest to the oldest, a snapshot is
/// given up if the stretch between its two neighbours is then no longer than half the age of the newer one, nor than
/// ``longestStretch``; version 0 counts as the oldest neighbour, since the empty state is always at hand. Ages only grow,
/// so that a stretch, once allowed, stays allowed. Hence:
///
/// - From any version back to the nearest snapshot it is at most half of that version's age and at most
///   ``longestStretch``, or as far as it was between two snapshots when they were offered.
/// - Of `n` events at most `2 * log(n) / log(1.5) + 2 * n / longestStretch + 4` snapshots are kept: with every second
///   one the age grows by half, or by the longest stretch.
/// - The newest two always stay, so that a damaged one has another before it.
package enum SnapshotThinning {
    /// What decides about a snapshot.
    package struct Place: Sendable, Hashable {
        package var version: Int64
        package var stateVersion: Int32

        package init(version: Int64, stateVersion: Int32) {
            self.version = version
            self.stateVersion = stateVersion
        }

        init(_ snapshot: Snapshot) {
            self.init(version: snapshot.version, stateVersion: snapshot.stateVersion)
        }
    }

    /// The most events that are folded on the way to a past state: some milliseconds. Far back one snapshot is kept for
    /// at least 500 events, which take about 240 kB with their indexes. That of a device takes 1.2 kB where it reports once
    /// a minute and 21 kB where it does each second. Where it floods, the ids of its recent commands make it half as large
    /// as the events: 124 kB at ten a second.
    package static let longestStretch: Int64 = 1_000

    /// The versions, of snapshots of one state version, that the law does not keep.
    ///
    /// - Parameter versions: in any order, none twice.
    package static func surplus(of versions: [Int64]) -> [Int64] {
        let sorted = versions.sorted(by: >)
        guard let newest = sorted.first else { return [] }
        var surplus: [Int64] = []
        var newer = newest
        for index in sorted.indices.dropFirst() {
            let older = index + 1 < sorted.count ? sorted[index + 1] : 0
            if newer - older <= min((newest - newer) / 2, longestStretch) {
                surplus.append(sorted[index])
            } else {
                newer = sorted[index]
            }
        }
        return surplus
    }

    /// The versions to delete when `new` is written beside what is stored. Snapshots of earlier state versions go, since
    /// nobody reads them any more; those of later ones belong to a newer program, which sees to them.
    package static func surplus(of stored: [Place], beside new: Place) -> [Int64] {
        let others = stored.filter { $0.version != new.version }
        let outdated = others.filter { $0.stateVersion < new.stateVersion }.map(\.version)
        let alike = others.filter { $0.stateVersion == new.stateVersion }.map(\.version)
        return outdated + surplus(of: alike + [new.version])
    }
}
