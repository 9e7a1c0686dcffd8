package import CoreMetrics
import Synchronization

/// Keeps all metrics of the process and renders them in Prometheus' text format.
package final class PrometheusMetrics: MetricsFactory {
    private struct Family {
        let kind: MetricKind
        var series: [MetricLabels: MetricSeries] = [:]
    }
    /// Labels from outside could otherwise fill memory.
    private static let seriesLimit = 2_000
    /// What may take days.
    private static let ages: Set<String> = ["fleetlog_late_reading_seconds"]

    private let families = Mutex<[String: Family]>([:])
    private let overflow = MetricSeries(.counter)

    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(MetricName.counter(label), .counter, dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(MetricName.counter(label), .counter, dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(MetricName.plain(label), .gauge, dimensions)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        let buckets: MetricKind.Buckets = Self.ages.contains(label) ? .ages : .amounts
        return series(MetricName.plain(label), aggregate ? .histogram(buckets) : .gauge, dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(MetricName.timer(label), .histogram(.seconds), dimensions)
    }

    // A metric that its maker has let go keeps its value: counters never go back.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func series(_ name: String, _ kind: MetricKind, _ dimensions: [(String, String)]) -> MetricSeries {
        let labels = MetricLabels(dimensions)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind)
            if let known = family.series[labels] { return known }
            guard family.series.count < Self.seriesLimit else { return overflow }
            let series = MetricSeries(family.kind)
            family.series[labels] = series
            families[name] = family
            return series
        }
    }

    /// All metrics, by name.
    package var text: String {
        var text = ""
        for (name, family) in families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(MetricHelp.text(of: name))\n# TYPE \(name) \(family.kind.name)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.render(name, labels, to: &text)
            }
        }
        return text
    }
}
