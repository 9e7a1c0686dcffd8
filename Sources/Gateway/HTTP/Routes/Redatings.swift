import Aggregates
import Runtime

/// The readings of a device that were dated anew, as the events of its stream tell.
struct Redatings: Sendable {
    static let type = "ReadingsRedated"

    private struct Redating {
        var version: Int64
        var offset: Int64
    }
    private var byReading: [ProvisionalReading: [Redating]] = [:]

    mutating func take(_ event: RecordedEvent) {
        guard case .readingsRedated(let fact)? = try? Device.codec.decode(event) else { return }
        for reading in fact.readings {
            byReading[reading, default: []].append(Redating(version: event.version, offset: fact.offset))
        }
    }

    /// Nil unless it was dated anew after it was recorded.
    func time(of fact: TelemetryRecorded, _ event: RecordedEvent) -> Timestamp? {
        guard let reading = ProvisionalReading(fact, at: event.observedTime),
            let redating = byReading[reading]?.first(where: { $0.version > event.version })
        else { return nil }
        return event.observedTime - .microseconds(redating.offset)
    }
}
