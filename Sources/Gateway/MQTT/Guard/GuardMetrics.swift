import Metrics
import Synchronization

/// The figures of the broker's guard.
final class GuardMetrics: Sendable {
    private struct Seen {
        var boot = ""
        var refused = 0
        var denied = 0
        var limited = 0
    }

    // Rises with that of ingest, under one name.
    private let connectFailures = Meter(label: "telemetry_mqtt_connect_failures")
    private let denied = Counter(label: "fleetlog_guard_denied_total")
    private let limited = Counter(label: "fleetlog_guard_limited_total")
    private let devices = Gauge(label: "fleetlog_guard_devices")
    private let sessions = Gauge(label: "fleetlog_guard_sessions")
    private let bytes = Gauge(label: "fleetlog_guard_bytes")
    private let ready = Gauge(label: "fleetlog_guard_ready")
    private let seen = Mutex(Seen())

    func note(_ status: GuardStatus) {
        let new = seen.withLock { seen in
            if seen.boot != status.boot { seen = Seen(boot: status.boot) }
            defer {
                seen.refused = status.refusedConnections
                seen.denied = status.denied
                seen.limited = status.limited
            }
            return (
                refused: status.refusedConnections - seen.refused, denied: status.denied - seen.denied,
                limited: status.limited - seen.limited
            )
        }
        if new.refused > 0 { connectFailures.increment(by: Double(new.refused)) }
        if new.denied > 0 { denied.increment(by: new.denied) }
        if new.limited > 0 { limited.increment(by: new.limited) }
        devices.record(status.devices)
        sessions.record(status.sessions)
        bytes.record(status.tableBytes + status.sessionBytes)
        ready.record(status.ready ? 1 : 0)
    }
}
