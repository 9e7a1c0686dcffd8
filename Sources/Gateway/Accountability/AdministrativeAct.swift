package import Runtime

/// Something that was done to the installation, or asked for: not to one device, account, alert or rollout, whose own
/// streams say it.
package struct AdministrativeAct: Sendable, Hashable {
    /// The types of events. What is asked of other programs or tables is recorded before it is begun.
    package enum Kind: String, Sendable, CaseIterable {
        case tokenCreated = "TokenCreated"
        case tokenRevoked = "TokenRevoked"
        case sealKeyRotationRequested = "SealKeyRotationRequested"
        case viewRebuildRequested = "ViewRebuildRequested"
        case viewRebuildPauseRequested = "ViewRebuildPauseRequested"
        case viewRebuildResumptionRequested = "ViewRebuildResumptionRequested"
        case viewRebuildCancellationRequested = "ViewRebuildCancellationRequested"
        case viewSwapBackRequested = "ViewSwapBackRequested"
        case viewDropRequested = "ViewDropRequested"
        case viewPauseRequested = "ViewPauseRequested"
        case viewResumptionRequested = "ViewResumptionRequested"
        case instanceRetryRequested = "InstanceRetryRequested"
        case streamRestartRequested = "StreamRestartRequested"
        case redeliveryRequested = "RedeliveryRequested"
        case retentionBegun = "RetentionBegun"
        case retentionEnded = "RetentionEnded"
        case backupBegun = "BackupBegun"
        case backupEnded = "BackupEnded"
        case backupRestored = "BackupRestored"
        case schemaMigrated = "SchemaMigrated"
        case logExportBegun = "LogExportBegun"
        case logExportEnded = "LogExportEnded"
        /// What was recorded before it was begun has come to nothing; its event is the cause of this one.
        case actFailed = "AdministrativeActFailed"
    }

    /// What an act was about; never a secret, and nothing that another account owns.
    package struct About: Sendable, Hashable, Codable {
        /// The id or name of what it was done to.
        package var subject: String?
        package var details: [String: String]?

        package init(_ subject: String? = nil, _ details: [String: String] = [:]) {
            self.subject = subject
            self.details = details.isEmpty ? nil : details
        }
    }

    package var kind: Kind
    package var about: About

    package init(_ kind: Kind, _ about: About = About()) {
        self.kind = kind
        self.about = about
    }

    package static let codec = EventCodec<AdministrativeAct>(
        Kind.allCases.map { kind in
            .init(kind.rawValue) { (about: About) in
                AdministrativeAct(kind, about)
            } unwrap: { act in
                act.kind == kind ? act.about : nil
            }
        })
}

extension AccountID {
    /// To which acts belong that concern all accounts. Nobody can open an account of this name, so that only those see its
    /// events who see all.
    package static let installation = AccountID("_installation")
}
