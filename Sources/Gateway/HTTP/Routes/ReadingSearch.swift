import Aggregates
import Runtime

/// A device's readings that were made in a range of time, from its stream.
///
/// The stream has the order in which they were recorded. How far that is from the one in which they were made is known of the
/// device: the search begins with what was recorded so long before the range as one was ahead at most, and ends with one that
/// was made so long behind it as one was late at most. Else it begins a day before and goes to the end.
struct ReadingSearch: Sendable {
    let question: MetricQuestion
    let device: MeasuredDevice
    let units: [String: String]
    let scope: AccountScope
    let store: any EventStore
    let search: any LogSearch
    /// How long a request goes on while it has found nothing.
    var patience = Duration.seconds(5)

    /// A clock that runs ahead by less than the limit is believed, and the limit is a day at most.
    static let furthestAhead = Duration.seconds(86_400)
    /// A request looks at a bounded stretch, at a longer one while it has nothing to answer: more than two days of a device
    /// that reports every five seconds.
    private static let (eventsOfSearch, eventsInVain) = (10_000, 50_000)
    private static let (firstPage, largestPage) = (64, 1_000)

    private var stream: StreamName { StreamName(category: Device.category, id: question.device) }

    /// In the order in which they were recorded.
    func answer(after cursor: ReadingCursor) async throws(Problem) -> MetricAnswer<ReadingAnswer> {
        let start = ContinuousClock.now
        var place = try await beginning()
        place.version = max(place.version, cursor.version)
        var (items, redatings) = ([ReadingAnswer](), Redatings?.none)
        var (size, count, itemsOfNext, isAtEnd) = (Self.firstPage, 0, 0, false)
        pages: while goesOn(after: count, hasFound: !items.isEmpty, since: start) {
            let page = try await events(behind: place, limit: size).filter { device.includes($0) }
            for event in page {
                if items.count >= question.limit { break pages }
                guard case .telemetryRecorded(let fact)? = try? Device.codec.decode(event) else { continue }
                if redatings == nil, fact.provisional == true { redatings = try await findRedatings() }
                if scope.includes(event.metadata.account) {
                    let time = redatings?.time(of: fact, event) ?? fact.correctedTime(event.observedTime)
                    let answered = event.version == cursor.version + 1 ? cursor.items : 0
                    let found = answers(fact, madeAt: time, event).dropFirst(answered)
                    let room = question.limit - items.count
                    items += found.prefix(room)
                    if found.count > room {
                        // The next page goes on within this event.
                        place.version = event.version - 1
                        itemsOfNext = answered + room
                        break pages
                    }
                }
                place = StreamPlace(stream, at: event.version, position: event.position)
                if isLast(fact, event) {
                    isAtEnd = true
                    break pages
                }
            }
            if page.count < size {
                isAtEnd = true
                break
            }
            if let last = page.last { place = StreamPlace(stream, at: last.version, position: last.position) }
            count += page.count
            size = min(size * 4, Self.largestPage)
        }
        return MetricAnswer(
            device: question.device, resolution: MetricQuestion.Resolution.raw.rawValue, from: question.from,
            to: question.to, items: items,
            next: isAtEnd ? nil : ReadingCursor(version: place.version, items: itemsOfNext).text)
    }

    private func goesOn(after count: Int, hasFound: Bool, since start: ContinuousClock.Instant) -> Bool {
        count < Self.eventsOfSearch
            || !hasFound && count < Self.eventsInVain && ContinuousClock.now - start < patience
    }

    /// Whether nothing behind it was made in the range.
    private func isLast(_ fact: TelemetryRecorded, _ event: RecordedEvent) -> Bool {
        guard let order = device.order, event.version <= order.version else { return false }
        // By what was known when it was recorded: what it was compared with to tell how late others are.
        return fact.correctedTime(event.observedTime) >= question.to + order.late
    }

    /// Behind what was made before the range for certain.
    private func beginning() async throws(Problem) -> StreamPlace {
        guard let order = device.order else { return try await place(before: Self.furthestAhead) }
        let near = try await place(before: min(order.ahead, Self.furthestAhead))
        guard near.version > order.version else { return near }
        // Of what the view does not have yet, something may be ahead by more.
        var far = try await place(before: Self.furthestAhead)
        far.version = max(far.version, order.version)
        return far
    }

    /// Where what was recorded earlier than so long before the range ends.
    private func place(before time: Duration) async throws(Problem) -> StreamPlace {
        do throws(EventStoreError) {
            let position = try await search.position(
                at: question.from - time - .microseconds(1), within: .seconds(60))
            return try await search.place(of: stream, at: position)
        } catch {
            throw Problem(error)
        }
    }

    private func events(behind place: StreamPlace, limit: Int) async throws(Problem) -> [RecordedEvent] {
        do throws(EventStoreError) {
            return try await store.readStream(
                stream, from: place.version + 1, after: place.position, limit: limit)
        } catch {
            throw Problem(error)
        }
    }

    /// What the device's clock, once it was known, has made of readings.
    private func findRedatings() async throws(Problem) -> Redatings {
        let filter = LogFilter(type: Redatings.type, scope: scope, stream: stream)
        var (redatings, position, count) = (Redatings(), Int64(0), 0)
        do throws(EventStoreError) {
            while count < Self.eventsOfSearch {
                let page = try await store.readLog(after: position, where: filter, limit: Self.largestPage)
                for event in page.events where device.includes(event) { redatings.take(event) }
                if page.end == position || page.events.count < Self.largestPage { break }
                position = page.end
                count += page.events.count
            }
        } catch {
            throw Problem(error)
        }
        return redatings
    }

    private func answers(
        _ fact: TelemetryRecorded, madeAt time: Timestamp, _ event: RecordedEvent
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
