import Aggregates
import Foundation
import Runtime

/// The newest event that an instance has observed.
struct SeenEvent: Sendable, Hashable {
    var position: Int64
    var id: UUID128
    var correlation: UUID128?
    var account: AccountID
}

/// A workflow instance as it is kept in `workflow_states`.
struct StateRow: Sendable {
    var workflow: String
    var key: String
    var seen: SeenEvent
    /// The version of the instance's own stream.
    var version: Int64
    var stateVersion: Int32
    var state: [UInt8]
    var streams: [StreamName]
}

/// A row of `workflow_failures`.
struct FailureRow: Sendable, Hashable {
    var workflow: String
    var key: String
    /// Everything before it has been reacted to.
    var position: Int64
    var reason: String
    var streams: [StreamName]
}

/// Why one instance cannot go on.
struct InstancePoison: Error {
    var reason: String
}

extension JSONEncoder {
    static let workflows: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
}

extension JSONDecoder {
    static let workflows = JSONDecoder()
}
