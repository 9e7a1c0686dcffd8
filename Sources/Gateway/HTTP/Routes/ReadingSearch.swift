import Aggregates
import Runtime

/// A device's readings that were made in a range of time, from its stream.
///
/// The stream has the order in which they were recorded. Where that is known to be the one in which they were made, the search
/// begins shortly before the range and ends with it; else late readings may be anywhere behind.
struct ReadingSearch: Sendable {
    let question: MetricQuestion
    let device: MeasuredDevice
    let units: [String: String]
    let scope: AccountScope
    let store: any EventStore
    let search: any LogSearch

    /// A clock that runs ahead by less than the limit is believed, and the limit is a day at most.
    private static let latest = Duration.seconds(86_400)
    /// By how much a clock seldom runs ahead, since more counts as wrong unless the settings say otherwise.
    private static let usual = Duration.seconds(120)
    /// A request looks at a bounded stretch.
    private static let eventsOfSearch = 10_000
    private static let (firstPage, largestPage) = (64, 1_000)

    private var stream: StreamName { StreamName(category: Device.category, id: question.device) }

    /// In the order in which they were recorded; `next` is the version to go on after.
    func answer(after version: Int64) async throws(Problem) -> MetricAnswer<ReadingAnswer> {
        var (isNear, size, count) = (device.isInOrder && version == 0, Self.firstPage, 0)
        var place = try await place(before: isNear ? Self.usual : Self.latest)
        place.version = max(place.version, version)
        var (items, redatings, isAtEnd) = ([ReadingAnswer](), Redatings?.none, false)
        pages: while count < Self.eventsOfSearch {
            let page = try await events(behind: place, limit: size).filter { device.includes($0) }
            for event in page {
                if items.count >= question.limit { break pages }
                guard case .telemetryRecorded(let fact)? = try? Device.codec.decode(event) else { continue }
                if redatings == nil, fact.provisional == true { redatings = try await findRedatings() }
                let time = redatings?.time(of: fact, event) ?? fact.correctedTime(event.observedTime)
                if isNear {
                    isNear = false
                    if time >= question.from {
                        // Those before it may be of the range as well.
                        place = try await self.place(before: Self.latest)
                        continue pages
                    }
                }
                if device.isInOrder, time >= question.to, event.version <= device.version {
                    isAtEnd = true
                    break pages
                }
                place = StreamPlace(stream, at: event.version, position: event.position)
                if scope.includes(event.metadata.account) { items += answers(fact, madeAt: time, event) }
            }
            if page.count < size {
                isAtEnd = !isNear
                if isAtEnd { break }
                // Nothing has come since, but what was dated ahead may be of the range.
                (isNear, place) = (false, try await self.place(before: Self.latest))
                continue
            }
            if let last = page.last { place = StreamPlace(stream, at: last.version, position: last.position) }
            count += page.count
            size = min(size * 4, Self.largestPage)
        }
        return MetricAnswer(
            device: question.device, resolution: MetricQuestion.Resolution.raw.rawValue, from: question.from,
            to: question.to, items: items, next: isAtEnd ? nil : String(place.version))
    }

    /// Where what was recorded earlier than so long before the range ends.
    private func place(before time: Duration) async throws(Problem) -> StreamPlace {
        do throws(EventStoreError) {
            let position = try await search.position(at: question.from - time, within: .seconds(60))
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
