import Crypto
import Foundation
package import Runtime

/// What an account's webhooks are signed with. It never is in an event: rows beside the log, written in the append of
/// the event that they belong to.
package enum MailboxSecrets {
    /// How long a secret that was replaced signs beside the new one.
    package static let overlap = Duration.seconds(86_400)

    /// 256 random bits.
    package static func random() -> [UInt8] {
        SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    }

    /// As the Standard Webhooks specification writes it.
    package static func text(of secret: [UInt8]) -> String { "whsec_" + Data(secret).base64EncodedString() }

    /// The rows of a new secret; what there was before expires after the overlap.
    package static func replacement(
        _ secret: [UInt8], of mailbox: String, in account: AccountID, at time: Timestamp
    ) -> [SideRow] {
        [
            SideRow(expire, [.text(account.rawValue), .text(mailbox), .timestamp(time + overlap)]),
            SideRow(insert, [.text(account.rawValue), .text(mailbox), .bytes(secret), .timestamp(time)]),
        ]
    }

    package static func deletion(of mailbox: String, in account: AccountID) -> SideRow {
        SideRow(delete, [.text(account.rawValue), .text(mailbox)])
    }

    /// The secrets of the account's mailboxes that sign at `time`, the newest first.
    static func signing(
        for account: AccountID, at time: Timestamp, in pool: PostgresPool
    ) async throws -> [String: [[UInt8]]] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(select(.text(account.rawValue), .timestamp(time)), timeout: .seconds(10))
        }
        var secrets: [String: [[UInt8]]] = [:]
        for row in rows { secrets[try row.text(0), default: []].append(try row.bytes(1)) }
        return secrets
    }

    private static let expire = Statement(
        "expire mailbox secrets",
        """
        update mailbox_secrets set expires_time = $4
        where account = $2 and mailbox = $3 and expires_time is null and fleetlog_accepted($1)
        """)

    private static let insert = Statement(
        "insert mailbox secret",
        """
        insert into mailbox_secrets (account, mailbox, secret, created_time)
        select $2, $3, $4, $5 where fleetlog_accepted($1)
        """)

    private static let delete = Statement(
        "delete mailbox secrets",
        "delete from mailbox_secrets where account = $2 and mailbox = $3 and fleetlog_accepted($1)")

    private static let select = Statement(
        "signing secrets of an account",
        """
        select mailbox, secret from mailbox_secrets
        where account = $1 and (expires_time is null or expires_time > $2) order by created_time desc
        """)
}
