import Metrics
import Synchronization

/// The figures of ingest.
final class IngestMetrics: Sendable {
    // A gauge that only rises: as a counter it would have to be named with `_total`.
    private let connectFailures = Meter(label: "telemetry_mqtt_connect_failures")
    private let outcomes: [(any KeyPath<RoundTally, Int> & Sendable, Counter)]
    private let duplicateReadings = Counter(label: "fleetlog_duplicate_readings_total")
    private let roundMessages = Recorder(label: "fleetlog_ingest_round_messages")
    private let roundSeconds = Recorder(label: "fleetlog_ingest_round_seconds")
    private let unacknowledged = Gauge(label: "fleetlog_ingest_unacknowledged")
    private let rate = Gauge(label: "telemetry_ingest_rate")
    private let readings = Mutex(RateWindow(seconds: 10))

    init() {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "fleetlog_ingest_messages_total", dimensions: [("outcome", outcome)])
        }
        outcomes = [
            (\.recorded, counter("recorded")), (\.duplicate, counter("duplicate")), (\.malformed, counter("malformed")),
            (\.refused, counter("refused")), (\.parked, counter("parked")), (\.unknown, counter("unknown")),
        ]
    }

    func connectFailed() { connectFailures.increment() }
    func began(_ messages: Int) { unacknowledged.record(messages) }

    func acknowledged(_ tally: RoundTally, messages: Int, after time: Duration) {
        unacknowledged.record(0)
        roundMessages.record(messages)
        roundSeconds.record(time / .seconds(1))
        for (count, counter) in outcomes where tally[keyPath: count] > 0 {
            counter.increment(by: tally[keyPath: count])
        }
        if tally.duplicateReadings > 0 { duplicateReadings.increment(by: tally.duplicateReadings) }
        note(readings: tally.readings)
    }

    func stopped() {
        unacknowledged.record(0)
        rate.record(0)
    }

    /// To be called about once a second even if nothing comes, so that the rate falls.
    func note(readings count: Int) {
        rate.record(readings.withLock { $0.add(count, at: .now) })
    }
}
