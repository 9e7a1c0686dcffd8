import Aggregates
import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// What devices are told to do: list, read, issue, cancel.
struct CommandRoutes: Sendable {
    let devices: DeviceRoutes
    /// Rung for whoever delivers.
    let bell: Bell

    private static let path = "/api/v1/devices/{id}/commands"
    private static let usualTimeout = 300

    var all: [Route] {
        [
            .guarded(.get, Self.path, needs: .readFleet, shows: .device, list),
            .guarded(.post, Self.path, needs: .manageDevices, issue),
            .guarded(.get, Self.path + "/{command}", needs: .readFleet, shows: .device, read),
            .guarded(.post, Self.path + "/{command}/cancel", needs: .manageDevices, cancel),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit")
        let (after, limit) = (
            try ListCursor.decode(exchange.query["after"], of: "commands"), try exchange.query.limit()
        )
        var commands = try await latest(exchange, caller).all.reversed()[...]
        // What it went on after may be forgotten by now, and all that is older with it.
        if let after { commands = commands.drop { $0.id != after }.dropFirst() }
        let page = commands.prefix(limit)
        let next = commands.count > limit ? page.last.map { ListCursor.encode($0.id, of: "commands") } : nil
        return try .json(ListAnswer(items: page.map { CommandAnswer($0) }, next: next))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let commands = try await latest(exchange, caller)
        guard let command = commands[exchange.parameter("command")] else { throw .noCommand }
        return try .json(CommandAnswer(command))
    }

    private func issue(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange)
        let request = DeviceCommandRequest(
            id: key?.resourceID ?? ResourceID.random(), name: try fields.text("name"),
            arguments: try fields.optionalObject("arguments") ?? [:],
            timeout: .seconds(try fields.optionalWholeNumber("timeoutSeconds") ?? Self.usualTimeout))
        try fields.finish(known: "name, arguments, timeoutSeconds")
        let (command, receipt) = try await perform(.issueCommand(request), on: request.id, exchange, caller, key)
        var headers = HTTPFields.after(receipt)
        headers[.location] = "/api/v1/devices/\(id)/commands/\(request.id)"
        return try .json(CommandAnswer(command), status: .created, headers: headers)
    }

    private func cancel(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let command = exchange.parameter("command")
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let reason = try fields.optionalText("reason") ?? ""
        try fields.finish(known: "reason")
        let (cancelled, receipt) = try await perform(
            .cancelCommand(id: command, reason: reason), on: command, exchange, caller, key)
        return try .json(CommandAnswer(cancelled), headers: .after(receipt))
    }

    /// The command as this has left it.
    private func perform(
        _ order: Device.Command, on command: String, _ exchange: Exchange, _ caller: Caller, _ key: IdempotencyKey?
    ) async throws(Problem) -> (DeviceCommand, CommandReceipt) {
        let id = exchange.parameter("id")
        _ = try await devices.memory(of: id, caller)
        let receipt = try await devices.send(
            CommandEnvelope(
                id: key?.commandID ?? .v7(), order, context: exchange.context(for: caller),
                sideRows: [PostgresCommandOutbox.change(of: id)], fingerprint: key?.fingerprint), to: id)
        bell.ring()
        let memory = try await devices.devices.recall(id, after: receipt)
        guard let known = memory.state.commands[command] else { throw .noCommand }
        return (known, receipt)
    }

    /// With what other servers have heard of the device.
    private func latest(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> IssuedCommands {
        let id = exchange.parameter("id")
        let state = try await devices.latest(of: id, caller).state
        exchange.shows(device: id, of: state.account)
        return state.commands
    }
}

/// A command to a device as JSON.
private struct CommandAnswer: Encodable {
    var id: String
    var name: String
    var arguments: [String: JSONValue]
    var state: DeviceCommand.Status
    var issuedTime: Timestamp
    var expiresTime: Timestamp
    var sentTime: Timestamp?
    var acknowledgedTime: Timestamp?
    var endedTime: Timestamp?
    /// Why it was cancelled.
    var reason: String?
    /// What the device says, also if that came too late.
    var outcome: Outcome?

    struct Outcome: Encodable {
        var state: DeviceCommand.Status
        var result: JSONValue?
        var error: String?
        var isLate: Bool
        var time: Timestamp?
    }

    init(_ command: DeviceCommand) {
        id = command.id
        name = command.name
        arguments = command.arguments
        state = command.status
        issuedTime = command.issued
        expiresTime = command.expires
        sentTime = command.sent
        acknowledgedTime = command.acknowledged
        endedTime = command.ended
        reason = command.reason.flatMap { $0.isEmpty ? nil : $0 }
        outcome = command.outcome.map { outcome in
            Outcome(
                state: outcome.hasSucceeded ? .succeeded : .failed, result: outcome.result, error: outcome.error,
                isLate: command.late != nil, time: command.late ?? command.ended)
        }
    }
}
