/// Whether a snapshot is worth writing: not before replaying the tail would cost about as much as writing it.
///
/// Costs are counted in bytes of snapshot. A device that floods remembers thousands of command ids: its snapshot has
/// 200 kB, and one every hundred events would be more than the events themselves. A small state would be written every
/// few events by this measure alone, so that a number of events comes first; and however large it is, a tail that long
/// that waking takes noticeable time is cut.
struct SnapshotPolicy: Sendable {
    /// What reading and folding an event costs beside its bytes. An event takes some microseconds from the row to the
    /// state, a byte of a snapshot some nanoseconds from the state to its row.
    static let eventCost = 500
    /// The longest tail, unless the aggregate asks for a longer one.
    static let mostEvents: Int64 = 2_000

    /// Events since the last snapshot, and the bytes of their payloads.
    var events: Int64
    var bytes: Int
    /// What a snapshot would take up, before compression.
    var snapshotBytes: Int
    /// The aggregate's least number of events between two snapshots.
    var leastEvents: Int64

    private var replayCost: Int { Int(events) * Self.eventCost + bytes }

    /// For an actor that stays awake.
    var isDue: Bool {
        events >= leastEvents
            && (replayCost >= snapshotBytes || events >= max(Self.mostEvents, leastEvents))
    }

    /// For an actor that goes to sleep, which is the last chance and is sure to be followed by a waking or by nothing.
    var isDueAtSleep: Bool { events >= leastEvents / 4 && replayCost >= snapshotBytes / 4 }
}
