package import Aggregates
import Crypto
import Foundation
package import Runtime

/// An alert that an instance has raised about its device; what it takes to raise it, and to clear it again.
package struct DeviceAlert: Sendable, Codable, Equatable {
    package let id: String
    /// The workflow that raises it.
    package let kind: String
    package let device: String
    /// The account that the device belonged to at the time; it keeps the alert when the device moves.
    package let account: AccountID

    /// - Parameter number: from 1; the same for the same alert however often its decision is tried.
    package init(kind: String, device: String, number: Int, account: AccountID) {
        id = "\(kind)-\(Self.short(device))-\(number)"
        self.kind = kind
        self.device = device
        self.account = account
    }

    package func raising<Decision>(
        _ severity: Severity, title: String, text: String, data: [String: String] = [:], by decision: Decision
    ) -> Reaction<Decision> {
        let fact = AlertRaised(
            account: account, device: device, kind: kind, severity: severity, title: title, text: text)
        return Reaction(
            decisions: [decision], commands: [.alert(id: id, .raise(fact))],
            notifications: [notification("raised", severity, title: title, text: text, data: data)])
    }

    package func clearing<Decision>(
        title: String, reason: String, data: [String: String] = [:], by decision: Decision
    ) -> Reaction<Decision> {
        Reaction(
            decisions: [decision], commands: [.alert(id: id, .clear(reason: reason))],
            notifications: [notification("cleared", .info, title: title, text: reason, data: data)])
    }

    private func notification(
        _ change: String, _ severity: Severity, title: String, text: String, data: [String: String]
    ) -> Notification {
        Notification(
            account: account, severity: severity, type: "fleetlog.alert.\(change).v1", subject: "device/\(device)",
            title: title, text: text,
            data: data.merging(["alert": id, "kind": kind, "device": device], uniquingKeysWith: { _, own in own }))
    }

    /// The name of a stream has at most 200 bytes: a longer id is told by its beginning and its hash.
    private static func short(_ device: String) -> String {
        guard device.utf8.count > 100 else { return device }
        let digest = SHA256.hash(data: Data(device.utf8)).prefix(16)
        return device.prefix(60) + "-" + digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
