import Runtime

/// That a device is quarantined, for whoever keeps it out.
enum QuarantineRows {
    static func insertion(of device: String) -> SideRow { SideRow(insert, [.text(device)]) }

    static func deletion(of device: String) -> SideRow { SideRow(delete, [.text(device)]) }

    private static let insert = Statement(
        "insert quarantined device",
        """
        insert into quarantined_devices (device) select $2 where fleetlog_accepted($1) on conflict do nothing
        """)

    private static let delete = Statement(
        "delete quarantined device", "delete from quarantined_devices where device = $2 and fleetlog_accepted($1)")
}
