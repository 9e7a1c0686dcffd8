package import Runtime

package struct CommandIssued: Sendable, Codable, Equatable {
    package var command: String
    package var name: String
    /// Absent if there are none.
    package var arguments: [String: JSONValue]?
    package var expires: Timestamp

    package init(command: String, name: String, arguments: [String: JSONValue]? = nil, expires: Timestamp) {
        self.command = command
        self.name = name
        self.arguments = arguments
        self.expires = expires
    }
}

/// The broker has it; the device gets it as soon as it is there.
package struct CommandSent: Sendable, Codable, Equatable {
    package var command: String

    package init(command: String) { self.command = command }
}

/// The device has it.
package struct CommandAcknowledged: Sendable, Codable, Equatable {
    package var command: String

    package init(command: String) { self.command = command }
}

/// The device says what has come of it.
package struct CommandEnded: Sendable, Codable, Equatable {
    package var command: String
    package var outcome: DeviceCommand.Outcome
    /// Whether it was over by then, by its time-out or because somebody cancelled it.
    package var isLate: Bool

    package init(command: String, outcome: DeviceCommand.Outcome, isLate: Bool = false) {
        self.command = command
        self.outcome = outcome
        self.isLate = isLate
    }
}

package struct CommandTimedOut: Sendable, Codable, Equatable {
    package var command: String

    package init(command: String) { self.command = command }
}

package struct CommandCancelled: Sendable, Codable, Equatable {
    package var command: String
    package var reason: String

    package init(command: String, reason: String = "") {
        self.command = command
        self.reason = reason
    }
}
