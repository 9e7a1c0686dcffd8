import Runtime

/// A device's keys, stored and deleted in the transaction of the event that they belong to.
enum DeviceCredentialRows {
    /// Who may come in, for a device that is new.
    static func firstKey(_ hash: [UInt8], of device: String) -> SideRow {
        SideRow(first, [.text(device), .bytes(hash)])
    }

    /// Shuts the device out for good.
    static func deletion(of device: String) -> SideRow {
        SideRow(delete, [.text(device)])
    }

    private static let first = Statement(
        "insert first device key",
        """
        with access as (
            insert into device_access (device, next_key) select $2, 2 where fleetlog_accepted($1) returning device
        )
        insert into device_credentials (device, key_id, key_hash) select device, '1', $3 from access
        """)

    private static let delete = Statement(
        "delete device credentials", "delete from device_credentials where device = $2 and fleetlog_accepted($1)")
}
