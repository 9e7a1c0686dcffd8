import Runtime

/// The code of a view did not return from an event in time; the thread that it was on is lost.
struct FoldHang: Error {
    let event: RecordedEvent
    let bound: Duration

    var reason: String { "the view's code was at it for longer than \(bound)" }
    var stuck: StuckEntity { StuckEntity(at: event, reason) }
}

/// The same of the shards of a rebuild, several of which may meet such an event at a time.
struct ShardHangs: Error {
    let hangs: [FoldHang]
}
