package import Runtime

/// What a device was told to do: all that is open, and the last that has ended.
///
/// Delivery is at least once, and reports may come twice, late, or not at all. So a report changes what it can and is
/// otherwise nothing; only one about a command that nobody knows is refused.
package struct IssuedCommands: Sendable, Hashable, Codable {
    package static let mostOpen = 16
    /// Of those that have ended. The device's stream keeps all of them.
    package static let mostEnded = 100
    /// About the bytes that those may carry together.
    package static let mostEndedBytes = 32 << 10
    package static let mostNameBytes = 64
    /// About the bytes of a command's arguments, and of its result.
    package static let mostBytes = 4 << 10
    package static let mostLevels = 8
    package static let mostErrorBytes = 500
    package static let timeouts = Duration.seconds(5)...Duration.seconds(30 * 86_400)

    /// In the order in which they were issued.
    package private(set) var all: [DeviceCommand] = []

    package init() {}

    package subscript(id: String) -> DeviceCommand? { all.first { $0.id == id } }

    /// What the device is to be handed when it comes at this time.
    package func deliverable(at time: Timestamp) -> [DeviceCommand] {
        all.filter { ($0.status == .queued || $0.status == .sent) && time < $0.expires }
    }

    // MARK: Decisions

    func events(issuing request: DeviceCommandRequest, at time: Timestamp) throws(Device.Rejection) -> [Device.Event] {
        try request.check()
        if self[request.id] != nil { return [] }
        let open = all.filter(\.status.isOpen)
        // Whoever notes it otherwise may be away; these do not count.
        let overdue = open.filter { $0.expires <= time }
        guard open.count - overdue.count < Self.mostOpen else { throw .tooManyCommands }
        let issued = CommandIssued(
            command: request.id, name: request.name,
            arguments: request.arguments.isEmpty ? nil : request.arguments, expires: time + request.timeout)
        return overdue.map { .commandTimedOut(CommandTimedOut(command: $0.id)) } + [.commandIssued(issued)]
    }

    func events(noting sent: [String]) -> [Device.Event] {
        sent.filter { self[$0]?.status == .queued }.map { .commandSent(CommandSent(command: $0)) }
    }

    func events(upon report: DeviceCommandReport, at time: Timestamp) throws(Device.Rejection) -> [Device.Event] {
        guard let known = self[report.id] else { throw .unknownCommand }
        let isOverdue = known.status.isOpen && known.expires <= time
        let timedOut: [Device.Event] = isOverdue ? [.commandTimedOut(CommandTimedOut(command: known.id))] : []
        switch report.stage {
        case .acknowledged where isOverdue: return timedOut
        case .acknowledged:
            let isNews = known.status == .queued || known.status == .sent
            return isNews ? [.commandAcknowledged(CommandAcknowledged(command: known.id))] : []
        case .ended(let outcome):
            if let result = outcome.result { try Self.check(result, as: "result") }
            guard known.outcome == nil else { return [] }
            let isLate = isOverdue || !known.status.isOpen
            return timedOut + [.commandEnded(CommandEnded(command: known.id, outcome: outcome, isLate: isLate))]
        }
    }

    func events(cancelling id: String, reason: String) throws(Device.Rejection) -> [Device.Event] {
        try DeviceLimits.check(reason: reason)
        guard let known = self[id] else { throw .unknownCommand }
        if known.status.isOpen { return [.commandCancelled(CommandCancelled(command: id, reason: reason))] }
        guard known.status == .cancelled else { throw .commandEnded(known.status) }
        return []
    }

    func events(timingOut id: String) -> [Device.Event] {
        guard let known = self[id], known.status.isOpen else { return [] }
        return [.commandTimedOut(CommandTimedOut(command: id))]
    }

    static func check(_ value: JSONValue, as field: String) throws(Device.Rejection) {
        guard value.depth <= mostLevels else {
            throw .malformed(field: field, reason: "may have \(mostLevels) levels")
        }
        guard value.approximateBytes <= mostBytes else {
            throw .malformed(field: field, reason: "may have \(mostBytes) bytes")
        }
    }

    // MARK: What they lead to

    mutating func issue(_ fact: CommandIssued, at time: Timestamp) { all.append(DeviceCommand(fact, at: time)) }

    mutating func send(_ fact: CommandSent, at time: Timestamp) {
        change(fact.command) { command in
            if command.status == .queued { command.status = .sent }
            command.sent = time
        }
    }

    mutating func acknowledge(_ fact: CommandAcknowledged, at time: Timestamp) {
        change(fact.command) { command in
            command.status = .acknowledged
            command.acknowledged = time
        }
    }

    mutating func end(_ fact: CommandEnded, at time: Timestamp) {
        change(fact.command) { command in
            command.outcome = fact.outcome
            if fact.isLate {
                command.late = time
            } else {
                command.end(as: fact.outcome.hasSucceeded ? .succeeded : .failed, at: time)
            }
        }
        forgetOld()
    }

    mutating func timeOut(_ fact: CommandTimedOut, at time: Timestamp) {
        change(fact.command) { $0.end(as: .timedOut, at: time) }
        forgetOld()
    }

    mutating func cancel(_ fact: CommandCancelled, at time: Timestamp) {
        change(fact.command) { command in
            command.end(as: .cancelled, at: time)
            command.reason = fact.reason
        }
        forgetOld()
    }

    /// The device is told nothing any more.
    mutating func cancelAll(because reason: String, at time: Timestamp) {
        for command in all where command.status.isOpen {
            cancel(CommandCancelled(command: command.id, reason: reason), at: time)
        }
    }

    private mutating func change(_ id: String, _ body: (inout DeviceCommand) -> Void) {
        guard let index = all.firstIndex(where: { $0.id == id }) else { return }
        body(&all[index])
    }

    private mutating func forgetOld() {
        var (count, bytes) = (0, 0)
        for command in all where !command.status.isOpen {
            count += 1
            bytes += command.approximateBytes
        }
        while count > Self.mostEnded || bytes > Self.mostEndedBytes,
            let oldest = all.firstIndex(where: { !$0.status.isOpen })
        {
            count -= 1
            bytes -= all.remove(at: oldest).approximateBytes
        }
    }

    var approximateHeapBytes: Int { all.reduce(0) { $0 + 256 + $1.approximateBytes * 4 } }
}
