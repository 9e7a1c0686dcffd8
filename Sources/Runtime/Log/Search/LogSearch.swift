/// What an auditor asks the log beyond reading it in order.
package protocol LogSearch: Sendable {
    /// Streams in the order of their names.
    ///
    /// - Parameter name: streams behind this one only.
    func streams(
        _ filter: StreamFilter, after name: String?, limit: Int
    ) async throws(EventStoreError) -> StreamPage

    /// The newest event of a stream; nil if there is none, or none is left.
    func newestEvent(of stream: StreamName) async throws(EventStoreError) -> RecordedEvent?

    func event(_ id: UUID128) async throws(EventStoreError) -> RecordedEvent?

    /// The events that one of these led to directly, in the order of the log, at most `limit`.
    func effects(of causes: [UUID128], limit: Int) async throws(EventStoreError) -> [RecordedEvent]

    /// What people did, the newest first, at most `limit`.
    ///
    /// - Parameter position: only what was before it; from the end of the log if nil.
    func acts(
        _ filter: ActFilter, before position: Int64?, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent]

    /// The position of the last event that was recorded by then; 0 if there is none.
    func position(at time: Timestamp) async throws(EventStoreError) -> Int64

    /// That position, or one before it behind which nothing was recorded earlier than `slack` before the time; found sooner.
    func position(at time: Timestamp, within slack: Duration) async throws(EventStoreError) -> Int64

    /// The place of the stream's last event at the position or before it, or version 0 at `position` if none is near.
    ///
    /// From there ``EventStore/readStream(_:from:after:limit:)`` gives what lies behind the position, and does not go through
    /// what lies before.
    func place(of stream: StreamName, at position: Int64) async throws(EventStoreError) -> StreamPlace
}

/// Which streams somebody looks for.
package struct StreamFilter: Sendable, Hashable {
    /// All categories if nil.
    package var category: String?
    /// Streams that began in it.
    package var scope: AccountScope
    /// To be found in the stream's name or in its first event, in capitals or not.
    package var text: String?

    package init(category: String? = nil, scope: AccountScope, text: String? = nil) {
        self.category = category
        self.scope = scope
        self.text = text
    }

    package func admits(_ first: RecordedEvent) -> Bool {
        (category == nil || category == first.stream.category) && scope.includes(first.metadata.account)
            && (text.map { Self.holds($0, first) } ?? true)
    }

    private static func holds(_ text: String, _ first: RecordedEvent) -> Bool {
        let wanted = text.lowercased()
        return first.stream.description.lowercased().contains(wanted)
            || String(decoding: first.data, as: UTF8.self).lowercased().contains(wanted)
    }
}

/// Some streams, and how far the search has come with them.
package struct StreamPage: Sendable, Hashable {
    /// The oldest event that each still has.
    package var first: [RecordedEvent]
    /// Continue after this name; nil at the end.
    package var next: String?

    package init(first: [RecordedEvent], next: String?) {
        self.first = first
        self.next = next
    }
}

/// Whose acts somebody asks for.
package struct ActFilter: Sendable, Hashable {
    package var scope: AccountScope
    /// Everybody if nil.
    package var principal: Principal?
    /// Of all categories if nil.
    package var category: String?
    /// Of all but this one.
    package var leavesOut: String?

    package init(
        scope: AccountScope, principal: Principal? = nil, category: String? = nil, leavesOut: String? = nil
    ) {
        self.scope = scope
        self.principal = principal
        self.category = category
        self.leavesOut = leavesOut
    }
}
