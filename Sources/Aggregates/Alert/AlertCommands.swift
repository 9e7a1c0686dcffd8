package import Runtime

/// An alert: something about a device that a person should look at, until it is cleared.
///
/// Its id is made by whoever raises it, so that raising it twice is raising it once.
package enum Alert: Sendable {
    package enum Command: Sendable, Codable, Equatable {
        case raise(AlertRaised)
        case acknowledge(note: String)
        case clear(reason: String)
    }

    package enum Event: Sendable, Equatable {
        case raised(AlertRaised)
        case acknowledged(AlertAcknowledged)
        case cleared(AlertCleared)
    }
}

package struct AlertRaised: Sendable, Codable, Equatable {
    package var account: AccountID
    package var device: String
    /// What kind of alert, by the name of the workflow that raised it, for example `overheating`.
    package var kind: String
    package var severity: Severity
    package var title: String
    package var text: String

    package init(
        account: AccountID, device: String, kind: String, severity: Severity, title: String, text: String
    ) {
        self.account = account
        self.device = device
        self.kind = kind
        self.severity = severity
        self.title = title
        self.text = text
    }
}

package struct AlertAcknowledged: Sendable, Codable, Equatable {
    package var note: String

    package init(note: String) {
        self.note = note
    }
}

package struct AlertCleared: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

extension Alert {
    package static let codec = EventCodec<Event>([
        .init("AlertRaised", wrap: Event.raised) { if case .raised(let fact) = $0 { fact } else { nil } },
        .init("AlertAcknowledged", wrap: Event.acknowledged) {
            if case .acknowledged(let fact) = $0 { fact } else { nil }
        },
        .init("AlertCleared", wrap: Event.cleared) { if case .cleared(let fact) = $0 { fact } else { nil } },
    ])
}
