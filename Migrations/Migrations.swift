/// The schema, as forward-only migrations in the order in which they are applied; each is a file of this folder.
package enum Migrations {
    /// Name and SQL text of each migration.
    package static let all: [(name: String, sql: String)] = [
        ("0001-roles", text(PackageResources._001_roles_sql)),
        ("0002-event-log", text(PackageResources._002_event_log_sql)),
        ("0003-snapshots", text(PackageResources._003_snapshots_sql)),
        ("0004-projections", text(PackageResources._004_projections_sql)),
        ("0005-credentials", text(PackageResources._005_credentials_sql)),
        ("0006-ingest", text(PackageResources._006_ingest_sql)),
        ("0007-workflows", text(PackageResources._007_workflows_sql)),
        ("0008-notifications", text(PackageResources._008_notifications_sql)),
        ("0009-rollouts", text(PackageResources._009_rollouts_sql)),
        ("0010-alerts", text(PackageResources._010_alerts_sql)),
        ("0011-snapshots-of-the-past", text(PackageResources._011_snapshots_of_the_past_sql)),
        ("0012-partitions", text(PackageResources._012_partitions_sql)),
        ("0013-accepted-commands", text(PackageResources._013_accepted_commands_sql)),
        ("0014-device-access", text(PackageResources._014_device_access_sql)),
        ("0015-registry", text(PackageResources._015_registry_sql)),
        ("0016-connectivity", text(PackageResources._016_connectivity_sql)),
        ("0017-quarantined-access", text(PackageResources._017_quarantined_access_sql)),
        ("0018-flagged-readings", text(PackageResources._018_flagged_readings_sql)),
        ("0019-configuration", text(PackageResources._019_configuration_sql)),
        ("0020-seals", text(PackageResources._020_seals_sql)),
        ("0021-claims", text(PackageResources._021_claims_sql)),
        ("0022-explorer", text(PackageResources._022_explorer_sql)),
        ("0023-commands", text(PackageResources._023_commands_sql)),
        ("0024-rebuilds", text(PackageResources._024_rebuilds_sql)),
        ("0025-stuck-entities", text(PackageResources._025_stuck_entities_sql)),
        ("0026-device-clocks", text(PackageResources._026_device_clocks_sql)),
        ("0027-telemetry", text(PackageResources._027_telemetry_sql)),
        ("0028-limits", text(PackageResources._028_limits_sql)),
        ("0029-late-readings", text(PackageResources._029_late_readings_sql)),
        ("0030-view-contents", text(PackageResources._030_view_contents_sql)),
        ("0031-content-types", text(PackageResources._031_content_types_sql)),
        ("0032-room-in-devices", text(PackageResources._032_room_in_devices_sql)),
        ("0033-device-certificates", text(PackageResources._033_device_certificates_sql)),
        ("0034-device-search", text(PackageResources._034_device_search_sql)),
        ("0035-head-mailboxes", text(PackageResources._035_head_mailboxes_sql)),
        ("0036-past-views", text(PackageResources._036_past_views_sql)),
    ]

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
