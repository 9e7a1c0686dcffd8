package import Aggregates
package import Runtime

/// An alert as the view `alerts` knows it. All times are recorded times.
package struct AlertRow: Sendable, Hashable {
    package var id: String
    package var account: AccountID
    package var device: String
    package var kind: String
    package var severity: Severity
    package var title: String
    package var text: String
    package var state: Alert.Status
    package var raisedTime: Timestamp
    package var acknowledgedTime: Timestamp?
    package var acknowledgedBy: Principal?
    /// What was said when it was acknowledged.
    package var note: String?
    package var clearedTime: Timestamp?
    /// Why it was cleared.
    package var reason: String?
    /// The version of the alert's stream that this row reflects.
    package var version: Int64

    package init(
        id: String, account: AccountID, device: String, kind: String, severity: Severity, title: String, text: String,
        state: Alert.Status, raisedTime: Timestamp, acknowledgedTime: Timestamp? = nil,
        acknowledgedBy: Principal? = nil, note: String? = nil, clearedTime: Timestamp? = nil, reason: String? = nil,
        version: Int64
    ) {
        self.id = id
        self.account = account
        self.device = device
        self.kind = kind
        self.severity = severity
        self.title = title
        self.text = text
        self.state = state
        self.raisedTime = raisedTime
        self.acknowledgedTime = acknowledgedTime
        self.acknowledgedBy = acknowledgedBy
        self.note = note
        self.clearedTime = clearedTime
        self.reason = reason
        self.version = version
    }
}
