/// What an actor knows of its stream: the fold of its events up to a version.
package struct AggregateMemory<D: Decider>: Sendable {
    package var state: D.State
    /// The version of the last event folded in; 0 before the first.
    package var version: Int64
    /// The position of the last event folded in; 0 before the first.
    package var position: Int64
    package var recentCommands: RecentCommands
    /// Repetitions that no event counts yet; not part of the fold.
    var repetitions: Int64 = 0

    package init() {
        state = D.initial
        version = 0
        position = 0
        recentCommands = RecentCommands()
    }

    package init(state: D.State, version: Int64, position: Int64, recentCommands: RecentCommands) {
        self.state = state
        self.version = version
        self.position = position
        self.recentCommands = recentCommands
    }

    /// When the last event folded in was recorded; nil before the first.
    package var recordedTime: Timestamp? { recentCommands.newest?.recordedTime }

    /// What it takes up, by a cheap estimate.
    var approximateBytes: Int {
        MemoryLayout<Self>.stride + D.approximateHeapBytes(of: state) + recentCommands.approximateHeapBytes
    }

    /// The same, with the window in which it recognises commands from now on.
    func recognising(for window: Duration) -> Self {
        var memory = self
        memory.recentCommands.horizon = window
        return memory
    }

    /// Whether both are the fold of the same events; one may remember commands of longer ago than the other.
    package func agrees(with other: Self) -> Bool {
        state == other.state && version == other.version && position == other.position
            && recentCommands.agrees(with: other.recentCommands)
    }

    /// What its snapshot takes up before compression, by a cheap estimate.
    var approximateSnapshotBytes: Int {
        MemoryLayout<D.State>.stride + D.approximateHeapBytes(of: state) + recentCommands.approximateSnapshotBytes
    }

    /// Folds in the next event of the stream.
    ///
    /// - Throws: ``EventCodecError`` if this program cannot read it.
    package mutating func fold(_ event: RecordedEvent) throws(EventCodecError) {
        let decoded = try D.codec.decode(event)
        D.evolve(&state, with: decoded, observedAt: event.observedTime)
        version = event.version
        position = event.position
        recentCommands.note(
            event.metadata.commandID, version: event.version, position: event.position,
            recordedTime: event.recordedTime)
    }
}

extension AggregateMemory: Equatable {}
