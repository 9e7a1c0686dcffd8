import Foundation
import Gateway
import Installation
import Metrics
import Testing

@Suite struct `Metrics in Prometheus' text format` {
    private let metrics = PrometheusMetrics()

    @Test func `count, gauge and sort into buckets`() {
        let conflicts = Counter(label: "fleetlog_append_conflicts", factory: metrics)
        conflicts.increment(by: 2)
        Counter(label: "fleetlog_append_conflicts", factory: metrics).increment()
        Gauge(label: "view_tether_length", dimensions: [("view", "a\"b\\c\nd")], factory: metrics).record(7)
        Recorder(label: "fleetlog_commit_batch_events", factory: metrics).record(3)
        Timer(label: "http_request_duration_seconds", factory: metrics).recordNanoseconds(2_000_000)
        Recorder(label: "fleetlog_late_reading_seconds", factory: metrics).record(90_000)
        let lines = Set(metrics.text.split(separator: "\n"))
        #expect(lines.contains("fleetlog_append_conflicts_total 3"))
        #expect(lines.contains(#"view_tether_length{view="a\"b\\c\nd"} 7"#))
        #expect(lines.contains(#"fleetlog_commit_batch_events_bucket{le="2"} 0"#))
        #expect(lines.contains(#"fleetlog_commit_batch_events_bucket{le="5"} 1"#))
        #expect(lines.contains(#"http_request_duration_seconds_bucket{le="0.0025"} 1"#))
        #expect(lines.contains("http_request_duration_seconds_sum 0.002"))
        #expect(lines.contains(#"fleetlog_late_reading_seconds_bucket{le="86400"} 0"#))
        #expect(lines.contains(#"fleetlog_late_reading_seconds_bucket{le="604800"} 1"#))
        #expect(lines.contains("# TYPE http_request_duration_seconds histogram"))
    }

    @Test func `do not grow without bound`() {
        for number in 0..<5_000 {
            Counter(label: "flood", dimensions: [("n", "\(number)")], factory: metrics).increment()
        }
        #expect(metrics.text.split(separator: "\n").count < 2_100)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool"), "needs promtool"))
    func `satisfy promtool`() async throws {
        let counters = [
            "fleetlog_append_conflicts", "fleetlog_events_appended_total", "telemetry_mqtt_connect_failures",
            "fleetlog_snapshot_drift_checks_total", "fleetlog_snapshot_drift_total",
            "fleetlog_late_readings_total", "fleetlog_windows_recalculated_total",
        ]
        for label in counters { Counter(label: label, factory: metrics).increment() }
        Recorder(label: "fleetlog_commit_batch_events", factory: metrics).record(3)
        Gauge(label: "view_tether_length", dimensions: [("view", "devices")], factory: metrics).record(7)
        Timer(label: "http_request_duration_seconds", dimensions: [("path", "/")], factory: metrics)
            .recordNanoseconds(1)
        let output = try await Command("/usr/bin/promtool", ["check", "metrics"]).output(input: metrics.text)
        #expect(output.succeeded, "\(output.text)\(output.errors)")
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool"), "needs promtool"))
    func `raise the alarms that their rules promise`() async throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../Alerts")
        let files = try FileManager.default.contentsOfDirectory(atPath: tests.path).filter { $0.hasSuffix(".yml") }
        #expect(files.count >= 2)
        let output = try await Command(
            "/usr/bin/promtool", ["test", "rules"] + files.map { tests.appending(path: $0).path }
        ).output()
        #expect(output.succeeded, "\(output.text)\(output.errors)")
    }
}
