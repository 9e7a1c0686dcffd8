import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// How long a device was in which state, by the time at which that was observed.
struct StateRoutes: Sendable {
    let devices: DeviceRoutes
    let queries: any StateQueries & FleetQueries
    let catalog: TelemetryCatalog?
    let past: PastQuestion

    var all: [Route] {
        [.guarded(.get, "/api/v1/devices/{id}/states", needs: .readFleet, shows: .readings, read)]
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        // Of the two axes, at is the time of observation here, and asOf what was known by then.
        var position: Int64?
        if let text = exchange.query["asOf"] { position = try await past.position(text) }
        var now = exchange.time
        if let position, let recorded = try await past.recordedTime(of: position) { now = recorded }
        let question = try StateQuestion(exchange, now: now)
        let id = exchange.parameter("id")
        let device = try await devices.measured(id, by: catalog, asOf: position, caller)
        let stream = StreamName(category: Device.category, id: id)
        let views: any StateQueries =
            if let position { try await past.views(["states"], of: stream, asOf: position) } else { queries }
        let runs: [StateRun]
        do throws(QueryError) {
            runs = try await views.runs(
                RunsWanted(device: id, subject: question.subject, from: question.from, to: question.to),
                scope: caller.scope)
        } catch {
            throw Problem(error)
        }
        if let metric = question.metric, runs.isEmpty, !device.has({ $0 == metric }) { throw .unknownMetric }
        exchange.shows(device: id, of: device.account)
        let history = StateHistory(runs, from: question.from, to: question.to)
        let start = question.at.map { WindowLength.hour.start(of: $0) } ?? question.from
        let isThinned = StateHistory.isThinned(runs, from: start, to: question.to)
        if let at = question.at {
            return try .json(
                StateAnswer(
                    device: id, metric: question.metric, at: at, stretch: history.stretches.last, isThinned: isThinned),
                headers: exchange.positionHeader(asOf: position))
        }
        let rest = history.stretches.filter { stretch in question.after.map { stretch.from > $0 } ?? true }
        let items = rest.prefix(question.limit)
        return try .json(
            StateSeries(
                device: id, metric: question.metric, from: question.from, to: question.to,
                items: items.map { StretchAnswer($0) }, totals: history.totals.map { TotalAnswer($0) },
                isThinned: isThinned,
                next: rest.count > question.limit ? items.last.map { "\($0.from.microseconds)" } : nil),
            headers: exchange.positionHeader(asOf: position))
    }
}

/// What `GET /api/v1/devices/{id}/states` asks for, checked.
struct StateQuestion {
    /// Nil for the connectivity.
    let metric: String?
    let at: Timestamp?
    let from: Timestamp
    let to: Timestamp
    let after: Timestamp?
    let limit: Int

    private static let mostSeconds: Int64 = 31 * 86_400

    var subject: StateSubject { metric.map { .metric($0) } ?? .connectivity }

    /// - Parameter now: when the answer is from, behind which nothing is known.
    init(_ exchange: Exchange, now: Timestamp) throws(Problem) {
        let query = exchange.query
        try query.allow("metric", "at", "asOf", "from", "to", "after", "limit")
        metric = query["metric"]
        if let metric { guard (1...128).contains(metric.utf8.count) else { throw .unknownMetric } }
        at = try query.time("at")
        limit = try query.limit(default: 1_000, most: 10_000)
        after = try query["after"].map { text throws(Problem) in
            guard let microseconds = Int64(text) else {
                throw Problem.malformed("after", "after must be what an earlier answer gave as next.")
            }
            return Timestamp(microseconds: microseconds)
        }
        let (asked, end) = (try query.time("from"), try query.time("to"))
        if let at {
            for (name, value) in [("from", asked), ("to", end)] where value != nil {
                throw .malformed(name, "\(name) has no meaning beside at.")
            }
            (from, to) = (at - .seconds(Self.mostSeconds), at + .microseconds(1))
            return
        }
        to = min(end ?? now, now)
        from = asked ?? to - .seconds(86_400)
        guard from < to else { throw .malformed("from", "from must be before to, and before now.") }
        guard (to - from).components.seconds <= Self.mostSeconds else {
            throw .malformed("from", "from and to may be \(Self.mostSeconds / 86_400) days apart.")
        }
    }
}

/// The state as of an instant.
private struct StateAnswer: Encodable {
    var device: String
    var metric: String?
    var at: Timestamp
    var stretch: StateHistory.Stretch?
    var isThinned: Bool

    private enum CodingKeys: CodingKey { case device, metric, at, state, since, lastTime, version, thinned }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(device, forKey: .device)
        try fields.encodeIfPresent(metric, forKey: .metric)
        try fields.encode(at, forKey: .at)
        // Null if nothing is known of it.
        try fields.encode(stretch?.value, forKey: .state)
        if let stretch, let version = stretch.version {
            try fields.encode(stretch.from, forKey: .since)
            try fields.encode(version, forKey: .version)
        }
        try fields.encodeIfPresent(stretch?.lastTime, forKey: .lastTime)
        if isThinned { try fields.encode(true, forKey: .thinned) }
    }
}

private struct StateSeries: Encodable {
    var device: String
    var metric: String?
    var from: Timestamp
    var to: Timestamp
    var items: [StretchAnswer]
    var totals: [TotalAnswer]
    var isThinned: Bool
    var next: String?

    private enum CodingKeys: CodingKey { case device, metric, from, to, items, totals, thinned, next }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(device, forKey: .device)
        try fields.encodeIfPresent(metric, forKey: .metric)
        try fields.encode(from, forKey: .from)
        try fields.encode(to, forKey: .to)
        try fields.encode(items, forKey: .items)
        try fields.encode(totals, forKey: .totals)
        if isThinned { try fields.encode(true, forKey: .thinned) }
        // Null at the end, as in every list.
        try fields.encode(next, forKey: .next)
    }
}

private struct StretchAnswer: Encodable {
    var state: MetricValue
    var from: Timestamp
    var to: Timestamp
    var seconds: Double
    var lastTime: Timestamp?
    var version: Int64?

    init(_ stretch: StateHistory.Stretch) {
        state = stretch.value
        from = stretch.from
        to = stretch.to
        seconds = stretch.duration / .seconds(1)
        lastTime = stretch.lastTime
        version = stretch.version
    }
}

private struct TotalAnswer: Encodable {
    var state: MetricValue
    var seconds: Double
    var stretches: Int

    init(_ total: StateHistory.Total) {
        state = total.value
        seconds = total.duration / .seconds(1)
        stretches = total.stretches
    }
}
