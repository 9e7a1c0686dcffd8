import Aggregates
internal import Foundation
package import Runtime

/// A notification as a row that travels with the append of the decision behind it; the dispatcher takes it from there.
package enum NotificationRecord {
    /// - Parameter id: the same for the same decision however often it is recorded; receivers know a repetition by it.
    package static func sideRow(
        _ notification: Notification, id: UUID128, cause: NotificationCause, at time: Timestamp
    ) throws -> SideRow {
        SideRow(
            insert,
            [
                .uuid(id), .text(notification.account.rawValue), .text(notification.severity.rawValue),
                .text(notification.type), .text(notification.subject), .text(notification.title),
                .text(notification.text),
                .json(Array(try JSONEncoder().encode(notification.data))),
                .text(cause.workflow), .text(cause.key), cause.event.map { .uuid($0.id) } ?? .null,
                cause.event.map { .int8($0.position) } ?? .null, cause.timer.map { .text($0) } ?? .null,
                .timestamp(time),
            ])
    }

    private static let insert = Statement(
        "record a notification",
        """
        insert into notifications (
            id, account, severity, type, subject, title, text, data, workflow, instance, cause_event, cause_position,
            cause_timer, created_time)
        select $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::uuid, $13::bigint, $14::text, $15
        where fleetlog_accepted($1)
        on conflict (id) do nothing
        """)
}
