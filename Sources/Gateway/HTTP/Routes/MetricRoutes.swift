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

    var all: [Route] { [.guarded(.get, "/api/v1/metrics/{metric}", needs: .readFleet, shows: .readings, read)] }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let position = try await past.position(exchange.query)
        let now = if let position { try await past.time(of: position, exchange) } else { exchange.time }
        let question = try MetricQuestion(exchange, now: now)
        let device = try await devices.measured(question.device, by: catalog, asOf: position, caller)
        guard device.has(question.includes) else { throw .unknownMetric }
        exchange.shows(device: question.device, of: device.account)
        let units = device.defined.compactMapValues(\.unit)
        guard let resolution = question.resolution.windows else {
            let answer = try await readings(question, exchange, caller, device, units)
            return try .json(answer, headers: position.map { .asOf($0) } ?? [:])
        }
        let stream = StreamName(category: Device.category, id: question.device)
        let views: any TelemetryQueries =
            if let position { try await past.views(["telemetry"], of: stream, asOf: position) } else { queries }
        let wanted = WindowsWanted(
            device: question.device, metrics: question.metrics, resolution: resolution, from: question.from,
            to: question.to, after: try WindowCursor.decode(exchange.query["after"]), limit: question.limit + 1)
        let answer: MetricAnswer<WindowAnswer>
        let headers: HTTPFields
        do throws(QueryError) {
            let found = try await views.windows(wanted, scope: caller.scope)
            let items = found.prefix(question.limit)
            answer = MetricAnswer(
                device: question.device, resolution: resolution.rawValue, from: question.from, to: question.to,
                items: items.map { WindowAnswer($0, unit: units[$0.metric]) },
                next: found.count > question.limit ? items.last.map { WindowCursor.encode($0.place) } : nil)
            headers = if let position { .asOf(position) } else { try await queries.positionHeader(of: "telemetry") }
        } catch {
            throw Problem(error)
        }
        return try .json(answer, headers: headers)
    }

    /// In the order in which they were recorded; `next` is the version to go on after.
    private func readings(
        _ question: MetricQuestion, _ exchange: Exchange, _ caller: Caller, _ device: MeasuredDevice,
        _ units: [String: String]
    ) async throws(Problem) -> MetricAnswer<ReadingAnswer> {
        let after = try exchange.query.after()
        let stream = StreamName(category: Device.category, id: question.device)
        var place = try await place(of: stream, before: question.from)
        place.version = max(place.version, after)
        var redatings: Redatings?
        var items: [ReadingAnswer] = []
        var isAtEnd = false
        // A request looks at a bounded stretch, since late readings may be anywhere behind.
        pages: for _ in 0..<Self.pagesOfSearch {
            let page = try await events(behind: place, limit: Self.searchPage).filter { device.includes($0) }
            for event in page {
                if items.count >= question.limit { break pages }
                place = StreamPlace(stream, at: event.version, position: event.position)
                if caller.scope.includes(event.metadata.account) {
                    guard case .telemetryRecorded(let fact)? = try? Device.codec.decode(event) else { continue }
                    if redatings == nil, fact.provisional == true {
                        redatings = try await self.redatings(of: stream, device, caller)
                    }
                    let time = redatings?.time(of: fact, event) ?? fact.correctedTime(event.observedTime)
                    items += Self.answers(to: question, fact, madeAt: time, event, units)
                }
            }
            isAtEnd = page.count < Self.searchPage
            if isAtEnd { break }
        }
        return MetricAnswer(
            device: question.device, resolution: MetricQuestion.Resolution.raw.rawValue, from: question.from,
            to: question.to, items: items, next: isAtEnd ? nil : String(place.version))
    }

    private static let searchPage = 1_000
    private static let pagesOfSearch = 10

    /// Where nothing of the range can lie before: a reading is recorded after it was made.
    private func place(of stream: StreamName, before time: Timestamp) async throws(Problem) -> StreamPlace {
        do throws(EventStoreError) {
            // A clock that runs ahead by less than the limit is believed, and the limit is a day at most.
            let position = try await past.search.position(at: time - .seconds(86_400))
            return try await past.search.place(of: stream, at: position)
        } catch {
            throw Problem(error)
        }
    }

    /// What the device's clock, once it was known, has made of readings.
    private func redatings(
        of stream: StreamName, _ device: MeasuredDevice, _ caller: Caller
    ) async throws(Problem) -> Redatings {
        let filter = LogFilter(type: Redatings.type, scope: caller.scope, stream: stream)
        var redatings = Redatings()
        do throws(EventStoreError) {
            var position: Int64 = 0
            for _ in 0..<Self.pagesOfSearch {
                let page = try await devices.store.readLog(after: position, where: filter, limit: Self.searchPage)
                for event in page.events where device.includes(event) { redatings.take(event) }
                if page.end == position || page.events.count < Self.searchPage { break }
                position = page.end
            }
        } catch {
            throw Problem(error)
        }
        return redatings
    }

    private func events(behind place: StreamPlace, limit: Int) async throws(Problem) -> [RecordedEvent] {
        do throws(EventStoreError) {
            return try await devices.store.readStream(
                place.stream, from: place.version + 1, after: place.position, limit: limit)
        } catch {
            throw Problem(error)
        }
    }

    private static func answers(
        to question: MetricQuestion, _ fact: TelemetryRecorded, madeAt time: Timestamp, _ event: RecordedEvent,
        _ units: [String: String]
    ) -> [ReadingAnswer] {
        guard question.from <= time, time < question.to else { return [] }
        return fact.metrics.filter { question.includes($0.key) }.sorted { $0.key < $1.key }.map { metric, value in
            ReadingAnswer(
                metric: metric, unit: units[metric], value: value, time: time,
                deviceTime: time == event.observedTime ? nil : event.observedTime,
                arrivalTime: fact.arrival(event.observedTime), recordedTime: event.recordedTime,
                flag: fact.flags?.metrics[metric], position: event.position)
        }
    }
}
