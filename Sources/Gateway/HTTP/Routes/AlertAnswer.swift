import Aggregates
import Projections
import Runtime

/// An alert as JSON.
struct AlertAnswer: Encodable {
    var id: String
    var account: AccountID
    var device: String
    var kind: String
    var severity: String
    var title: String
    var text: String
    var state: String
    var raisedTime: Timestamp
    var acknowledgedTime: Timestamp?
    var acknowledgedBy: String?
    var note: String?
    var clearedTime: Timestamp?
    var reason: String?
    var version: Int64

    init(_ row: AlertRow) {
        id = row.id
        account = row.account
        device = row.device
        kind = row.kind
        severity = row.severity.rawValue
        title = row.title
        text = row.text
        state = row.state.rawValue
        raisedTime = row.raisedTime
        acknowledgedTime = row.acknowledgedTime
        acknowledgedBy = row.acknowledgedBy?.description
        note = row.note
        clearedTime = row.clearedTime
        reason = row.reason
        version = row.version
    }
}
