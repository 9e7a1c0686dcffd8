import Aggregates
import Runtime

/// A device's keys and certificates, stored and deleted in the transaction of the event that they belong to.
enum DeviceCredentialRows {
    /// Who may come in, for a device that is new.
    static func firstKey(_ hash: [UInt8], of device: String, _ registration: Registration) -> SideRow {
        SideRow(
            first,
            [
                .text(device), .bytes(hash), .text(registration.account.id.rawValue),
                .text(registration.type.rawValue),
            ])
    }

    /// A further key, under the next number that the device's stream gives too.
    static func further(_ hash: [UInt8], of device: String) -> SideRow {
        SideRow(next, [.text(device), .bytes(hash)])
    }

    /// The same for a certificate, which then is this device's for good.
    ///
    /// That it is one device's is the primary key's to say: of two appends at once the second cannot be stored.
    static func further(_ certificate: DeviceCertificate, _ sha256: [UInt8], of device: String) -> SideRow {
        SideRow(
            nextCertificate,
            [.text(device), .bytes(sha256), .text(certificate.subject), .timestamp(certificate.notAfter)])
    }

    /// Ends those that there are, unless they end earlier anyway.
    static func expiry(of device: String, at time: Timestamp) -> SideRow {
        SideRow(expire, [.text(device), .timestamp(time)])
    }

    static func deletion(of key: Int, of device: String) -> SideRow {
        SideRow(deleteOne, [.text(device), .text("\(key)")])
    }

    /// Shuts the device out for good.
    static func deletion(of device: String) -> SideRow {
        SideRow(delete, [.text(device)])
    }

    private static let first = Statement(
        "insert first device key",
        """
        with access as (
            insert into device_access (device, next_key, account, type)
            select $2, 2, $4, $5 where fleetlog_accepted($1) returning device
        )
        insert into device_credentials (device, key_id, key_hash) select device, '1', $3 from access
        """)

    private static let next = Statement(
        "insert further device key",
        """
        with access as (
            update device_access set next_key = next_key + 1 where device = $2 and fleetlog_accepted($1)
            returning device, next_key - 1 as key
        )
        insert into device_credentials (device, key_id, key_hash) select device, key::text, $3 from access
        """)

    private static let nextCertificate = Statement(
        "insert device certificate",
        """
        with access as (
            update device_access set next_key = next_key + 1 where device = $2 and fleetlog_accepted($1)
            returning device, next_key - 1 as key
        ), known as (
            insert into device_certificates (sha256, device) select $3, device from access
        )
        insert into device_credentials
            (device, key_id, certificate_sha256, certificate_subject, certificate_not_after, expires_time)
        select device, key::text, $3, $4, $5, $5 from access
        """)

    private static let expire = Statement(
        "let device keys expire",
        """
        update device_credentials set expires_time = $3
        where device = $2 and (expires_time is null or expires_time > $3) and fleetlog_accepted($1)
        """)

    private static let deleteOne = Statement(
        "delete a device key",
        "delete from device_credentials where device = $2 and key_id = $3 and fleetlog_accepted($1)")

    private static let delete = Statement(
        "delete device credentials", "delete from device_credentials where device = $2 and fleetlog_accepted($1)")
}
