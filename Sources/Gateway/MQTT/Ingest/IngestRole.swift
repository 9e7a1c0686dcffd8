package import Runtime

extension LeaseRole {
    /// Who ingests. The key is "fleetlog" as a number.
    package static let ingest = LeaseRole("ingest", key: 0x666C_6565_746C_6F67)
}
