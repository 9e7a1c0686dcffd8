/// How long the counts of the whole fleet are shown before they are counted anew.
package struct OverviewLife: Sendable {
    package var shortest: Duration
    /// How often the time that it took to count them: of 50 at most a fiftieth of the time is spent counting.
    package var share: Int

    package static let usual = OverviewLife(shortest: .seconds(5), share: 50)
    package static let none = OverviewLife(shortest: .zero, share: 0)

    func callAsFunction(counting: Duration) -> Duration { max(shortest, counting * share) }

    /// By how much longer they are shown while they are being counted anew: some ten times as long as that takes.
    func grace(after life: Duration) -> Duration { life / 5 }
}
