import Foundation

/// Figures of the broker's guard since the broker's start.
struct GuardStatus: Decodable, Equatable {
    static let topic = "fleetlog/guard/status"

    /// Another one after each start of the broker.
    var boot: String
    /// Whether it has a whole table; until then it lets no device in.
    var ready: Bool
    /// The newest that it was told of.
    var revision: Int64
    var devices, keys, sessions, tableBytes, sessionBytes: Int
    var admitted, notReady, unknownUser, wrongKey, penalised, shutOut, foreignClientID: Int
    /// A plugin of before that has no bound does not say.
    var tooManySessions: Int?
    var denied, limited: Int

    /// Connections that were refused for what the client said, not because the guard was not ready.
    var refusedConnections: Int {
        unknownUser + wrongKey + penalised + shutOut + foreignClientID + (tooManySessions ?? 0)
    }
}

/// What devices did since the guard reported them last.
struct GuardReport: Decodable, Equatable {
    static let topic = "fleetlog/guard/report"

    struct Entry: Decodable, Equatable {
        struct Learned: Decodable, Equatable {
            var key: UInt16
            /// In hexadecimal digits.
            var digest: String
        }

        var device: String
        var limited, denied, wrongKey: Int
        /// Numbers of the keys that were logged in with.
        var used: [UInt16]
        var learned: [Learned]
    }

    var reports: [Entry]
}

extension GuardStatus {
    /// Nil if the message is something else.
    init?(_ message: ReceivedMessage) {
        guard message.topic == Self.topic,
            let status = try? JSONDecoder().decode(GuardStatus.self, from: Data(message.payload))
        else { return nil }
        self = status
    }
}

extension GuardReport {
    /// Nil if the message is something else.
    init?(_ message: ReceivedMessage) {
        guard message.topic == Self.topic,
            let report = try? JSONDecoder().decode(GuardReport.self, from: Data(message.payload))
        else { return nil }
        self = report
    }
}

extension GuardReport.Entry.Learned {
    /// Nil unless it has the 32 bytes of a SHA-256.
    var sha256: [UInt8]? {
        let digits = Array(digest.utf8)
        guard digits.count == 64 else { return nil }
        let bytes = stride(from: 0, to: 64, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        return bytes.count == 32 ? bytes : nil
    }
}
