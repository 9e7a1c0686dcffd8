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
