/// How a rebuild divides its work.
package struct RebuildPace: Sendable {
    /// Between two checkpoints: so much is done again after a crash.
    package var checkpoints = Duration.seconds(15)
    /// Between two looks at whether it is to go on, and two reports of its progress.
    package var reports = Duration.milliseconds(500)
    /// Between two looks at whether there is something to do.
    package var looks = Duration.milliseconds(500)
    /// Between two looks at whether a view is of an older definition, beside those when a rebuild has ended.
    package var definitions = Duration.seconds(15)
    /// Rows kept in memory; beyond it they are stored, and read again. While they are, as many others may come.
    package var rows = 150_000
    /// Rows a statement.
    package var chunk = 2_000
    /// Rows a COPY.
    package var copyChunk = 20_000
    /// Events that are folded before it is asked whether rows are to be stored.
    package var part = 10_000
    /// Shards that are folded side by side.
    package var shards = 2
    /// Positions between two generations that are near enough to be brought together while one of them waits.
    package var near: Int64 = 2_000

    package var bounds = FoldBounds()

    package init() {}
}
