import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// What the devices of an account report, by their types: list, read, define.
struct DeviceTypeRoutes: Sendable {
    let changes: AccountChanges

    private static let path = "/api/v1/accounts/{id}/device-types"

    var all: [Route] {
        [
            .guarded(.get, Self.path, needs: .readFleet, list),
            .guarded(.get, Self.path + "/{name}", needs: .readFleet, read),
            .guarded(.put, Self.path + "/{name}", needs: .configureAccounts, define),
        ]
    }

    /// The account's own and the ready-made ones that it has not replaced, in the order of their names.
    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        let own = memory.state.deviceTypes.map { DeviceTypeAnswer($0, .account, $1) }
        let others = ReadyMadeTypes.all.filter { memory.state.deviceTypes[$0.key.rawValue] == nil }
            .map { DeviceTypeAnswer($0.rawValue, .readyMade, $1) }
        return try .json(
            ListAnswer(items: (own + others).sorted { $0.name < $1.name }, next: nil),
            headers: [.eTag: EntityTag(version: memory.version).description])
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("version")
        let name = exchange.parameter("name")
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        let answer: DeviceTypeAnswer
        if let own = memory.state.deviceTypes[name] {
            answer = DeviceTypeAnswer(name, .account, own)
        } else if let readyMade = ReadyMadeTypes.all[DeviceType(name)] {
            answer = DeviceTypeAnswer(name, .readyMade, readyMade)
        } else {
            throw .noDeviceType
        }
        if let text = exchange.query["version"], text != "\(answer.version)" {
            guard let version = Int(text), version > 0 else {
                throw .malformed("version", "version must be a whole number from 1.")
            }
            return try .json(try await earlier(version, of: name, memory))
        }
        let tag = EntityTag(version: memory.version)
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: [.eTag: tag.description]) }
        return try .json(answer, headers: [.eTag: tag.description])
    }

    /// An account's stream is short, and old versions of a type are asked for seldom.
    private func earlier(
        _ version: Int, of name: String, _ memory: AggregateMemory<Account>
    ) async throws(Problem) -> DeviceTypeAnswer {
        let stream = StreamName(category: Account.category, id: memory.state.id.rawValue)
        var start: Int64 = 1
        while start <= memory.version {
            let events: [RecordedEvent]
            do throws(EventStoreError) {
                events = try await changes.store.readStream(stream, from: start, limit: 1_000)
            } catch {
                throw Problem(error)
            }
            for event in events where event.type == DeviceTypeDefined.type {
                guard case .deviceTypeDefined(let fact) = try? Account.codec.decode(event),
                    fact.name.rawValue == name, fact.schema.version == version
                else { continue }
                return DeviceTypeAnswer(name, .account, fact.schema)
            }
            guard let last = events.last else { break }
            start = last.version + 1
        }
        throw .noDeviceType
    }

    private func define(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let (id, name) = (exchange.parameter("id"), exchange.parameter("name"))
        var fields = try RequestFields(exchange)
        let schema = TelemetrySchema(
            metrics: try Self.metrics(&fields), silenceSeconds: try fields.optionalWholeNumber("silenceSeconds") ?? 900,
            limits: try fields.optionalLimits("limits").flatMap { $0.isEmpty ? nil : $0 })
        try fields.finish(known: "metrics, silenceSeconds, limits")
        let (receipt, before) = try await changes.change(id, exchange, caller) { _ in
            .init(command: .defineDeviceType(name: DeviceType(name), schema))
        }
        let memory = try await changes.accounts.recall(id, after: receipt)
        guard let defined = memory.state.deviceTypes[name] else { throw .noDeviceType }
        var headers = HTTPFields.after(receipt)
        let isNew = before.deviceTypes[name] == nil
        if isNew { headers[.location] = "/api/v1/accounts/\(id)/device-types/\(name)" }
        return try .json(
            DeviceTypeAnswer(name, .account, defined), status: isNew ? .created : .ok, headers: headers)
    }

    private static func metrics(_ fields: inout RequestFields) throws(Problem) -> [String: MetricDefinition] {
        guard var metrics = try fields.optionalFields("metrics") else {
            throw .malformed("metrics", "metrics is missing: send an object with an object for each metric.")
        }
        var definitions: [String: MetricDefinition] = [:]
        for name in metrics.names {
            guard var metric = try metrics.optionalFields(name) else { continue }
            guard let kind = MetricDefinition.Kind(rawValue: try metric.optionalText("kind") ?? "number") else {
                throw .malformed("metrics.\(name).kind", "metrics.\(name).kind must be number, boolean or text.")
            }
            definitions[name] = MetricDefinition(
                kind, unit: try metric.optionalText("unit"), minimum: try metric.optionalNumber("minimum"),
                maximum: try metric.optionalNumber("maximum"), isRequired: try metric.optionalBool("required") ?? false)
            try metric.finish(known: "kind, unit, minimum, maximum, required")
        }
        return definitions
    }
}

/// A device type as JSON.
struct DeviceTypeAnswer: Encodable {
    enum Origin: String, Encodable {
        case account
        case readyMade = "ready-made"
    }

    struct Metric: Encodable {
        var kind: MetricDefinition.Kind
        var unit: String?
        var minimum: Double?
        var maximum: Double?
        var required: Bool
    }

    var name: String
    var origin: Origin
    var version: Int
    var metrics: [String: Metric]
    var silenceSeconds: Int
    var limits: MessageLimits?

    init(_ name: String, _ origin: Origin, _ schema: TelemetrySchema) {
        self.name = name
        self.origin = origin
        version = schema.version
        metrics = schema.metrics.mapValues {
            Metric(
                kind: $0.kind, unit: $0.unit, minimum: $0.minimum, maximum: $0.maximum, required: $0.isRequired)
        }
        silenceSeconds = schema.silenceSeconds
        limits = schema.limits
    }
}
