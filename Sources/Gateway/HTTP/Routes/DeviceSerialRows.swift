import Runtime

/// Who holds a serial number, stored and deleted in the transaction of the event that gives or frees it.
///
/// That a number is held once in an account is the primary key's to say: of two appends at once, on whatever servers, the
/// second cannot be stored (decision 0029).
enum DeviceSerialRows {
    static func insertion(of serial: String, in account: String, device: String) -> SideRow {
        SideRow(insert, [.text(account), .text(serial), .text(device)])
    }

    static func deletion(of device: String) -> SideRow { SideRow(delete, [.text(device)]) }

    private static let insert = Statement(
        "insert device serial",
        """
        insert into device_serials (account, serial, device) select $2, $3, $4 where fleetlog_accepted($1)
        """)

    private static let delete = Statement(
        "delete device serial", "delete from device_serials where device = $2 and fleetlog_accepted($1)")
}
