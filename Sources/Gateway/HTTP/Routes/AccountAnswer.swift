import Aggregates
import Projections
import Runtime

/// An account as JSON.
struct AccountAnswer: Encodable {
    var id: AccountID
    var name: String
    var state: String
    var openedTime: Timestamp
    var version: Int64

    init(_ row: AccountRow) {
        id = row.id
        name = row.name
        state = row.state.rawValue
        openedTime = row.openedTime
        version = row.version
    }

    init(_ memory: AggregateMemory<Account>, openedTime: Timestamp) {
        id = memory.state.id
        name = memory.state.name
        state = memory.state.status.rawValue
        self.openedTime = openedTime
        version = memory.version
    }
}

extension AccountRow {
    /// Nil without events.
    init?(folding events: [RecordedEvent]) throws(EventCodecError) {
        guard let first = events.first else { return nil }
        var memory = AggregateMemory<Account>()
        for event in events { try memory.fold(event) }
        self.init(
            id: memory.state.id, name: memory.state.name, state: memory.state.status, openedTime: first.recordedTime,
            version: memory.version)
    }
}
