import Runtime

/// A device's key, stored and deleted in the transaction of the event that it belongs to.
enum DeviceCredentialRows {
    static func insertion(of verifier: String, keyID: String, device: String) -> SideRow {
        SideRow(insert, [.text(device), .text(keyID), .text(verifier)])
    }

    static func deletion(of device: String) -> SideRow {
        SideRow(delete, [.text(device)])
    }

    private static let insert = Statement(
        "insert device credential",
        """
        insert into device_credentials (device, key_id, verifier)
        select $2, $3, $4 where fleetlog_accepted($1)
        """)

    private static let delete = Statement(
        "delete device credentials", "delete from device_credentials where device = $2 and fleetlog_accepted($1)")
}
