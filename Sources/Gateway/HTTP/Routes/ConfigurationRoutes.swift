import Aggregates
import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// What devices are to be set to, and what they say that they are set to.
struct ConfigurationRoutes: Sendable {
    let devices: DeviceRoutes
    /// Rung for whoever delivers.
    let bell: Bell

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/devices/{id}/config", needs: .readFleet, shows: .device, read),
            .guarded(.put, "/api/v1/devices/{id}/config", needs: .manageDevices, change),
        ]
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(PastQuestion.parametersOfOne)
        let id = exchange.parameter("id")
        let memory: AggregateMemory<Device>
        if let point = try await devices.past.point(exchange.query) {
            memory = try await devices.past(id, at: point, caller)
        } else {
            memory = try await devices.latest(of: id, caller)
        }
        exchange.shows(device: id, of: memory.state.account)
        return try answer(memory.state.configuration)
    }

    private func change(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        let config = try RequestFields(exchange).everything
        _ = try await devices.memory(of: id, caller)
        let receipt = try await devices.send(
            CommandEnvelope(
                id: key?.commandID ?? .v7(), .desireConfiguration(config, ifVersion: expected),
                context: exchange.context(for: caller), sideRows: [PostgresConfigurationOutbox.change(of: id)],
                fingerprint: key?.fingerprint), to: id)
        bell.ring()
        let memory = try await devices.devices.recall(id, after: receipt)
        var headers: HTTPFields = [.position: "\(receipt.position)"]
        if receipt.effect == .duplicate { headers[.idempotencyReplayed] = "true" }
        return try answer(memory.state.configuration, headers)
    }

    private func answer(_ configuration: Configuration, _ more: HTTPFields = [:]) throws(Problem) -> Response {
        var headers = more
        headers[.eTag] = EntityTag(version: configuration.version).description
        return try .json(ConfigurationAnswer(configuration), headers: headers)
    }
}

private struct ConfigurationAnswer: Encodable {
    struct Difference: Encodable {
        var path: String
        var desired: JSONValue?
        var reported: JSONValue?
    }

    var desired: Configuration.Desired?
    var reported: Configuration.Reported?
    var isInSync: Bool
    var differences: [Difference]

    init(_ configuration: Configuration) {
        desired = configuration.desired
        reported = configuration.reported
        differences = configuration.differences.map {
            Difference(path: $0.path, desired: $0.desired, reported: $0.reported)
        }
        isInSync = differences.isEmpty
    }
}
