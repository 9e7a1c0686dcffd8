/// What the code of a view may cost before the entity that it is at work on counts as stuck.
package struct FoldBounds: Sendable {
    /// For one event.
    package var time = Duration.seconds(10)
    /// Rows that one event may concern.
    package var rows = 100_000
    /// Bytes of the rows that the events of one entity change at a time: one event may end a rollout on 100,000 devices.
    package var bytes = 128 << 20
    /// What is added for each of the events: a reading may have a hundred metrics, each with a window of the minute and one of
    /// the hour, and a week of readings may come at once.
    package var bytesPerEvent = 128 << 10
    /// Entities that may be stuck before the view pauses as a whole.
    package var stuck = 1_000
    /// Threads that may be lost to code that does not return, before the view pauses as a whole.
    package var lostThreads = 3

    package init() {}

    func bytes(for events: Int) -> Int { bytes + events * bytesPerEvent }
}
