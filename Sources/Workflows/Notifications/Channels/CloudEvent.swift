import Aggregates
import Foundation
package import Runtime

/// A notification as the body of a webhook: CloudEvents 1.0, structured JSON. The same bytes at each attempt.
package struct CloudEvent: Encodable {
    private struct Content: Encodable {
        var account: AccountID
        var severity: Severity
        var title: String
        var text: String
        var values: [String: String]
    }

    private var specversion = "1.0"
    private var id: UUID128
    private var source: String
    private var type: String
    private var subject: String
    private var time: Timestamp
    private var datacontenttype = "application/json"
    private var data: Content

    package init(_ notification: Notification, id: UUID128, time: Timestamp) {
        self.id = id
        source = "/api/v1/accounts/\(notification.account)"
        type = notification.type
        subject = notification.subject
        self.time = time
        data = Content(
            account: notification.account, severity: notification.severity, title: notification.title,
            text: notification.text, values: notification.data)
    }

    package static let contentType = "application/cloudevents+json"

    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
