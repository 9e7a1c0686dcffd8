/// Who asked for a change.
package enum Principal: Sendable, Hashable, CustomStringConvertible {
    case user(String)
    case device(String)
    case workflow(String)
    /// The server itself, for example when it opens the account `default` at its first start.
    case system

    /// Reads the stored form: `user:ada`, `device:k3x`, `workflow:silence`, `system`.
    package init?(_ text: String) {
        func id(after prefix: String) -> String? {
            text.utf8.starts(with: prefix.utf8) ? String(Substring(text.utf8.dropFirst(prefix.utf8.count))) : nil
        }
        if let id = id(after: "device:") {
            self = .device(id)
        } else if let id = id(after: "user:") {
            self = .user(id)
        } else if let id = id(after: "workflow:") {
            self = .workflow(id)
        } else if text == "system" {
            self = .system
        } else {
            return nil
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
