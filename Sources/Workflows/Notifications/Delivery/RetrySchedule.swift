/// When a delivery that has failed is tried again, as the Standard Webhooks specification advises: soon at first, then
/// ever more seldom, about three days in all.
package struct RetrySchedule: Sendable, Equatable {
    private let delays: [Duration]

    package init(_ delays: [Duration]) { self.delays = delays }

    package static let standard = RetrySchedule(
        [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map { .seconds($0) })

    /// How long to wait after the failure with this number, from 1; nil if it was the last.
    ///
    /// - Parameter jitter: from 0 to 1; up to a fifth is added, so that what failed together does not return together.
    package func delay(afterFailure number: Int, jitter: Double) -> Duration? {
        guard delays.indices.contains(number - 1) else { return nil }
        return delays[number - 1] * (1 + min(max(jitter, 0), 1) / 5)
    }
}
