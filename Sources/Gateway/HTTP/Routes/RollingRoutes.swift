import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// The mean of what a device has measured lately, as of each minute.
struct RollingRoutes: Sendable {
    let devices: DeviceRoutes
    let queries: any TelemetryQueries & FleetQueries
    let catalog: TelemetryCatalog?
    let past: PastQuestion

    var all: [Route] {
        [.guarded(.get, "/api/v1/devices/{id}/rolling", needs: .readFleet, shows: .readings, read)]
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let position = try await past.position(exchange.query)
        let now = if let position { try await past.time(of: position, exchange) } else { exchange.time }
        let question = try RollingQuestion(exchange, now: now)
        let id = exchange.parameter("id")
        let device = try await devices.measured(id, by: catalog, asOf: position, caller)
        let stream = StreamName(category: Device.category, id: id)
        let views: any TelemetryQueries =
            if let position { try await past.views(["telemetry"], of: stream, asOf: position) } else { queries }
        let minutes: [MinuteSum]
        do throws(QueryError) {
            // A cursor says where to go on, and never widens the range.
            let before = max(question.after ?? question.from, question.from)
            minutes = try await views.minutes(
                of: question.metric, device: id, from: before - .seconds(Int64(question.minutes) * 60), to: question.to,
                scope: caller.scope)
        } catch {
            throw Problem(error)
        }
        guard !minutes.isEmpty || device.has({ $0 == question.metric }) else { throw .unknownMetric }
        exchange.shows(device: id, of: device.account)
        var average = RollingAverage(minutes: question.minutes)
        var points: [RollingAverage.Point] = []
        for minute in minutes {
            let point = average.take(minute)
            guard minute.start >= question.from, question.after.map({ point.time > $0 }) ?? true else { continue }
            points.append(point)
            if points.count > question.limit { break }
        }
        let items = points.prefix(question.limit)
        return try .json(
            RollingSeries(
                device: id, metric: question.metric, unit: device.defined[question.metric]?.unit,
                window: question.window,
                from: question.from, to: question.to, items: items.map { RollingAnswer($0) },
                next: points.count > question.limit ? items.last.map { "\($0.time.microseconds)" } : nil),
            headers: exchange.positionHeader(asOf: position))
    }
}

/// What `GET /api/v1/devices/{id}/rolling` asks for, checked.
struct RollingQuestion {
    let metric: String
    let window: String
    let minutes: Int
    let from: Timestamp
    let to: Timestamp
    /// The end of the last minute that an earlier answer had.
    let after: Timestamp?
    let limit: Int

    private static let windows = ["5m": 5, "15m": 15, "1h": 60, "6h": 360, "1d": 1_440]

    init(_ exchange: Exchange, now: Timestamp) throws(Problem) {
        let query = exchange.query
        try query.allow(["metric", "window", "from", "to", "after", "limit"] + PastQuestion.parameters)
        window = query["window"] ?? "1h"
        guard let minutes = Self.windows[window] else {
            throw .malformed("window", "window must be 5m, 15m, 1h, 6h or 1d.")
        }
        self.minutes = minutes
        to = try query.time("to") ?? now
        from = try query.time("from") ?? to - .seconds(86_400)
        guard from < to else { throw .malformed("from", "from must be before to.") }
        guard (to - from).components.seconds <= 7 * 86_400 else {
            throw .malformed("from", "from and to may be 7 days apart.")
        }
        limit = try query.limit(default: 1_000, most: 10_000)
        after = try query["after"].map { text throws(Problem) in
            guard let microseconds = Int64(text) else {
                throw Problem.malformed("after", "after must be what an earlier answer gave as next.")
            }
            return Timestamp(microseconds: microseconds)
        }
        guard let metric = query["metric"] else {
            throw .malformed("metric", "metric must name what is to be averaged.")
        }
        guard (1...128).contains(metric.utf8.count) else { throw .unknownMetric }
        self.metric = metric
    }
}

private struct RollingSeries: Encodable {
    var device: String
    var metric: String
    var unit: String?
    var window: String
    var from: Timestamp
    var to: Timestamp
    var items: [RollingAnswer]
    var next: String?

    private enum CodingKeys: CodingKey { case device, metric, unit, window, from, to, items, next }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(device, forKey: .device)
        try fields.encode(metric, forKey: .metric)
        try fields.encodeIfPresent(unit, forKey: .unit)
        try fields.encode(window, forKey: .window)
        try fields.encode(from, forKey: .from)
        try fields.encode(to, forKey: .to)
        try fields.encode(items, forKey: .items)
        // Null at the end, as in every list.
        try fields.encode(next, forKey: .next)
    }
}

private struct RollingAnswer: Encodable {
    var time: Timestamp
    var count: Int64
    var mean: Double?

    init(_ point: RollingAverage.Point) {
        time = point.time
        count = point.count
        mean = point.mean
    }
}
