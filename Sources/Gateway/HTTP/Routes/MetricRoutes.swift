import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// What a device has measured: by windows of the view `telemetry`, or reading by reading from the log.
struct MetricRoutes: Sendable {
    let devices: DeviceRoutes
    let queries: any TelemetryQueries & FleetQueries
    let catalog: TelemetryCatalog?
    let past: PastQuestion
    let reads: ReadRecorder

    var all: [Route] { [.guarded(.get, "/api/v1/metrics/{metric}", needs: .readFleet, shows: .readings, read)] }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let position = try await past.position(exchange.query)
        let now = if let position { try await past.time(of: position, exchange) } else { exchange.time }
        let question = try MetricQuestion(exchange, now: now)
        let device = try await devices.measured(question.device, by: catalog, asOf: position, caller)
        // The record of the read, for which every answer waits, is under way while the answer is looked for. If it fails here,
        // it is tried again before anything is answered.
        async let _ = device.has(question.includes) ? note(question.device, of: device.account, caller, exchange) : ()
        let units = device.defined.compactMapValues(\.unit)
        guard let resolution = question.resolution.windows else {
            let search = ReadingSearch(
                question: question, device: device, units: units, scope: caller.scope, store: devices.store,
                search: past.search)
            let answer = try await search.answer(after: try ReadingCursor(exchange.query["after"]))
            guard !answer.isEmpty || device.has(question.includes) else { throw .unknownMetric }
            exchange.shows(device: question.device, of: device.account)
            return try .json(answer, headers: position.map { .asOf($0) } ?? [:])
        }
        let stream = StreamName(category: Device.category, id: question.device)
        let views: any TelemetryQueries =
            if let position { try await past.views(["telemetry"], of: stream, asOf: position) } else { queries }
        let wanted = WindowsWanted(
            device: question.device, metrics: question.metrics, resolution: resolution, from: question.from,
            to: question.to, after: try WindowCursor.decode(exchange.query["after"]), limit: question.limit + 1)
        let answer: MetricAnswer<WindowAnswer>
        do throws(QueryError) {
            let found = try await views.windows(wanted, scope: caller.scope)
            let items = found.prefix(question.limit)
            answer = MetricAnswer(
                device: question.device, resolution: resolution.rawValue, from: question.from, to: question.to,
                items: items.map { WindowAnswer($0, unit: units[$0.metric]) },
                next: found.count > question.limit ? items.last.map { WindowCursor.encode($0.place) } : nil)
        } catch {
            throw Problem(error)
        }
        guard !answer.isEmpty || device.has(question.includes) else { throw .unknownMetric }
        exchange.shows(device: question.device, of: device.account)
        return try .json(answer, headers: exchange.positionHeader(asOf: position))
    }

    private func note(_ device: String, of account: AccountID, _ caller: Caller, _ exchange: Exchange) async {
        let entry = ShownData.Entry(account: account, subject: "\(Device.category)-\(device)")
        try? await reads.record(.readings, [entry], by: caller, exchange)
    }
}
