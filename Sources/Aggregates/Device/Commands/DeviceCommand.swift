package import Runtime

/// Something that a device was told to do, and what came of it.
package struct DeviceCommand: Sendable, Hashable, Codable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        /// The broker does not have it yet.
        case queued
        /// The broker has it, and hands it to the device as soon as that is there.
        case sent
        /// The device has it.
        case acknowledged
        case succeeded, failed
        case timedOut
        case cancelled

        package var isOpen: Bool {
            switch self {
            case .queued, .sent, .acknowledged: true
            case .succeeded, .failed, .timedOut, .cancelled: false
            }
        }
    }

    /// What the device said had come of it.
    package struct Outcome: Sendable, Hashable, Codable {
        package var hasSucceeded: Bool
        package var result: JSONValue?
        package var error: String?

        package init(hasSucceeded: Bool, result: JSONValue? = nil, error: String? = nil) {
            self.hasSucceeded = hasSucceeded
            self.result = result
            self.error = error
        }
    }

    package var id: String
    package var name: String
    package var arguments: [String: JSONValue]
    package var status = Status.queued
    package var issued: Timestamp
    /// When it is over, done or not.
    package var expires: Timestamp
    package var sent: Timestamp?
    package var acknowledged: Timestamp?
    package var ended: Timestamp?
    /// Why it was cancelled.
    package var reason: String?
    package var outcome: Outcome?
    /// When the outcome came, if the command was over by then.
    package var late: Timestamp?

    init(_ fact: CommandIssued, at time: Timestamp) {
        id = fact.command
        name = fact.name
        arguments = fact.arguments ?? [:]
        issued = time
        expires = fact.expires
    }

    mutating func end(as status: Status, at time: Timestamp) {
        self.status = status
        ended = time
    }

    /// About the bytes of what it carries.
    var approximateBytes: Int {
        JSONValue.object(arguments).approximateBytes + (outcome?.result?.approximateBytes ?? 0)
            + (outcome?.error?.utf8.count ?? 0) + (reason?.utf8.count ?? 0) + name.utf8.count
    }
}

/// A command as somebody asks for it.
package struct DeviceCommandRequest: Sendable, Equatable {
    package var id: String
    package var name: String
    package var arguments: [String: JSONValue]
    package var timeout: Duration

    package init(id: String, name: String, arguments: [String: JSONValue] = [:], timeout: Duration) {
        self.id = id
        self.name = name
        self.arguments = arguments
        self.timeout = timeout
    }

    /// - Throws: `malformed` with the field that cannot be taken.
    func check() throws(Device.Rejection) {
        try DeviceLimits.check(name, as: "name", atMost: IssuedCommands.mostNameBytes)
        if name.isEmpty { throw .malformed(field: "name", reason: "must not be empty") }
        try IssuedCommands.check(.object(arguments), as: "arguments")
        guard IssuedCommands.timeouts.contains(timeout) else {
            let (least, most) = (IssuedCommands.timeouts.lowerBound, IssuedCommands.timeouts.upperBound)
            throw .malformed(
                field: "timeoutSeconds",
                reason: "must be from \(least.components.seconds) to \(most.components.seconds)")
        }
    }
}

/// What a device says of a command on its topic.
package struct DeviceCommandReport: Sendable, Equatable {
    package enum Stage: Sendable, Equatable {
        case acknowledged
        case ended(DeviceCommand.Outcome)
    }

    package var id: String
    package var stage: Stage

    package init(id: String, stage: Stage) {
        self.id = id
        self.stage = stage
    }
}
