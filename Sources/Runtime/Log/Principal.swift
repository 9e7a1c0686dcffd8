/// Who asked for a change.
package enum Principal: Sendable, Hashable, CustomStringConvertible {
    case user(String)
    case device(String)
    case workflow(String)
    /// The server itself, for example when it opens the account `default` at its first start.
    case system

    /// Reads the stored form: `user:ada`, `device:k3x`, `workflow:silence`, `system`.
    package init?(_ text: String) {
        if text == "system" {
            self = .system
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let id = String(text[text.index(after: colon)...])
        switch text[..<colon] {
        case "user": self = .user(id)
        case "device": self = .device(id)
        case "workflow": self = .workflow(id)
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .user(let id): "user:\(id)"
        case .device(let id): "device:\(id)"
        case .workflow(let name): "workflow:\(name)"
        case .system: "system"
        }
    }
}
