import Crypto
import Runtime

/// What an output of a workflow follows from.
enum OutputCause: Sendable, Hashable {
    case event(UUID128)
    /// `seen` is the position of the newest event that the instance had observed.
    case timer(name: String, due: Timestamp, seen: Int64)
}

/// Ids that a repeated step makes again, so that whoever receives an output takes it once.
enum OutputID {
    enum Kind: String { case step, decision, command, notification }

    static func make(
        _ kind: Kind, _ index: Int = 0, of workflow: String, key: String, because cause: OutputCause
    ) -> UUID128 {
        let parts: [String] =
            switch cause {
            case .event(let id): ["event", id.description]
            case .timer(let name, let due, let seen): ["timer", String(due.microseconds), String(seen), name]
            }
        var hash = SHA256()
        // Names of workflows have no space in them, keys may: its length keeps two keys from reading alike.
        let head = [kind.rawValue, String(index), workflow, String(key.utf8.count), key]
        hash.update(data: Array((head + parts).joined(separator: " ").utf8))
        var (high, low) = (UInt64(0), UInt64(0))
        for (place, byte) in hash.finalize().prefix(16).enumerated() {
            if place < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
        }
        // Version 8 (made by a rule of one's own), variant 1.
        return UUID128(
            high: high & 0xffff_ffff_ffff_0fff | 0x8000, low: low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }
}
