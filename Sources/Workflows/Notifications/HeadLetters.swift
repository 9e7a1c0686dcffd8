internal import Foundation
package import Runtime

/// Signed heads of the log on their way to the mailboxes that want them.
///
/// A head is recorded as a notification in the transaction that stores it; from there it goes as all others do. What
/// follows the log can send none.
package enum HeadLetters {
    /// The type of these notifications.
    package static let type = "fleetlog.head.signed.v1"

    /// Whether a mailbox wants heads, as a row beside the log: written in the append of the event that sets the mailbox.
    package static func wish(_ isWanted: Bool, of mailbox: String, in account: AccountID) -> SideRow {
        SideRow(isWanted ? insert : delete, [.text(account.rawValue), .text(mailbox)])
    }

    /// No mailbox of the account wants heads any more.
    package static func end(of account: AccountID) -> SideRow { SideRow(deleteAll, [.text(account.rawValue)]) }

    /// Records a notification for each account that has a mailbox which wants heads.
    package static func statements(of head: SignedHead) throws -> [BoundStatement] {
        let data = [
            "size": "\(head.size)", "root": Data(head.root.bytes).base64EncodedString(), "time": head.time.description,
            "note": head.note,
        ]
        let text = """
            Keep this where nobody who administers the database can change it. It proves later that nothing up to \
            position \(head.size) was altered, taken out or cut off: save the lines below in a file, and run
            fleetlog audit verify --head FILE

            \(head.note)
            """
        return [
            record(
                .text(head.note), .text(type), .text("head/\(head.size)"),
                .text("The log is signed up to position \(head.size)"), .text(text),
                .json(Array(try JSONEncoder().encode(data))), .timestamp(head.time))
        ]
    }

    /// The id follows from the head and the account: however often it is recorded, it is one letter.
    private static let record = Statement(
        "record a head for those who want it",
        """
        insert into notifications (
            id, account, severity, type, subject, title, text, data, workflow, instance, created_time)
        select md5($1 || account)::uuid, account, 'info', $2, $3, $4, $5, $6, 'seals', 'log', $7
        from (select distinct account from head_mailboxes) as wishing
        on conflict (id) do nothing
        """, effect: .writes)

    private static let insert = Statement(
        "insert a wish for heads",
        """
        insert into head_mailboxes (account, mailbox) select $2, $3 where fleetlog_accepted($1)
        on conflict do nothing
        """)

    private static let delete = Statement(
        "delete a wish for heads",
        "delete from head_mailboxes where account = $2 and mailbox = $3 and fleetlog_accepted($1)")

    private static let deleteAll = Statement(
        "delete an account's wishes for heads",
        "delete from head_mailboxes where account = $2 and fleetlog_accepted($1)")
}
