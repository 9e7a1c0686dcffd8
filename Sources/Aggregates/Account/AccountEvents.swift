package import Runtime

package struct AccountOpened: Sendable, Codable, Equatable {
    package var id: AccountID
    package var name: String

    package init(id: AccountID, name: String) {
        self.id = id
        self.name = name
    }
}

package struct AccountRenamed: Sendable, Codable, Equatable {
    package var name: String

    package init(name: String) {
        self.name = name
    }
}

package struct AccountActivated: Sendable, Codable, Equatable {
    package init() {}
}

package struct AccountDeactivated: Sendable, Codable, Equatable {
    package init() {}
}

package struct AccountClosed: Sendable, Codable, Equatable {
    package init() {}
}

/// All settings as they are from now on.
package struct AccountSettingsChanged: Sendable, Codable, Equatable {
    package var settings: AccountSettings

    package init(settings: AccountSettings) {
        self.settings = settings
    }
}

/// The webhook has a new secret; the old one signs beside it for a while.
package struct MailboxSecretRotated: Sendable, Codable, Equatable {
    package var name: String

    package init(name: String) {
        self.name = name
    }
}

package struct MailboxRemoved: Sendable, Codable, Equatable {
    package var name: String

    package init(name: String) {
        self.name = name
    }
}

/// The type as it is from now on; the account is the stream's.
package struct DeviceTypeDefined: Sendable, Codable, Equatable {
    package var name: DeviceType
    package var schema: TelemetrySchema

    package static let type = "DeviceTypeDefined"

    package init(name: DeviceType, schema: TelemetrySchema) {
        self.name = name
        self.schema = schema
    }
}

extension Account {
    package static let codec = EventCodec<Event>([
        .init("AccountOpened", wrap: Event.opened) { if case .opened(let fact) = $0 { fact } else { nil } },
        .init("AccountRenamed", wrap: Event.renamed) { if case .renamed(let fact) = $0 { fact } else { nil } },
        .init("AccountActivated", wrap: Event.activated) { if case .activated(let fact) = $0 { fact } else { nil } },
        .init("AccountDeactivated", wrap: Event.deactivated) {
            if case .deactivated(let fact) = $0 { fact } else { nil }
        },
        .init("AccountClosed", wrap: Event.closed) { if case .closed(let fact) = $0 { fact } else { nil } },
        .init("AccountSettingsChanged", wrap: Event.settingsChanged) {
            if case .settingsChanged(let fact) = $0 { fact } else { nil }
        },
        .init("MailboxSet", wrap: Event.mailboxSet) { if case .mailboxSet(let fact) = $0 { fact } else { nil } },
        .init("MailboxSecretRotated", wrap: Event.mailboxSecretRotated) {
            if case .mailboxSecretRotated(let fact) = $0 { fact } else { nil }
        },
        .init("MailboxRemoved", wrap: Event.mailboxRemoved) {
            if case .mailboxRemoved(let fact) = $0 { fact } else { nil }
        },
        .init("ClaimCodeCreated", wrap: Event.claimCodeCreated) {
            if case .claimCodeCreated(let fact) = $0 { fact } else { nil }
        },
        .init("ClaimCodeUsed", wrap: Event.claimCodeUsed) {
            if case .claimCodeUsed(let fact) = $0 { fact } else { nil }
        },
        .init("ClaimCodeRevoked", wrap: Event.claimCodeRevoked) {
            if case .claimCodeRevoked(let fact) = $0 { fact } else { nil }
        },
        .init(DeviceTypeDefined.type, wrap: Event.deviceTypeDefined) {
            if case .deviceTypeDefined(let fact) = $0 { fact } else { nil }
        },
    ])
}
