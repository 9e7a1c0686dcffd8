import Aggregates
import Foundation
import Runtime

/// What the broker's guard goes by, changed in the transaction of the event that it belongs to.
enum DeviceAccessRows {
    /// Nil if nothing of it changes.
    static func change(of device: String, to account: AccountID?, _ changes: Changes) -> SideRow? {
        guard account != nil || changes.type != nil || changes.limits != nil else { return nil }
        // An empty text leaves what there is, a null removes it.
        let limits = changes.limits.map { $0.isEmpty ? "null" : Self.text(of: $0) } ?? ""
        return SideRow(
            change,
            [.text(device), .text(account?.rawValue ?? ""), .text(changes.type?.rawValue ?? ""), .text(limits)])
    }

    /// Numbers and a word always have a JSON form.
    private static func text(of limits: MessageLimits) -> String {
        (try? JSONEncoder.answers.encode(limits)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    private static let change = Statement(
        "change device access",
        """
        update device_access set
            account = coalesce(nullif($3, ''), account), type = coalesce(nullif($4, ''), type),
            limits = case $5 when '' then limits when 'null' then null else $5::json end
        where device = $2 and fleetlog_accepted($1)
        """)
}
