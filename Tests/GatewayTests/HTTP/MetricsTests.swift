import Foundation
import Gateway
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
        let lines = Set(metrics.text.split(separator: "\n"))
        #expect(lines.contains("fleetlog_append_conflicts_total 3"))
        #expect(lines.contains(#"view_tether_length{view="a\"b\\c\nd"} 7"#))
        #expect(lines.contains(#"fleetlog_commit_batch_events_bucket{le="2"} 0"#))
        #expect(lines.contains(#"fleetlog_commit_batch_events_bucket{le="5"} 1"#))
        #expect(lines.contains(#"http_request_duration_seconds_bucket{le="0.0025"} 1"#))
        #expect(lines.contains("http_request_duration_seconds_sum 0.002"))
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
        for label in ["fleetlog_append_conflicts", "fleetlog_events_appended_total", "telemetry_mqtt_connect_failures"]
        {
            Counter(label: label, factory: metrics).increment()
        }
        Recorder(label: "fleetlog_commit_batch_events", factory: metrics).record(3)
        Gauge(label: "view_tether_length", dimensions: [("view", "devices")], factory: metrics).record(7)
        Timer(label: "http_request_duration_seconds", dimensions: [("path", "/")], factory: metrics)
            .recordNanoseconds(1)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(metrics.text.utf8))
        try input.fileHandleForWriting.close()
        let complaints = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(complaints)")
    }
}
