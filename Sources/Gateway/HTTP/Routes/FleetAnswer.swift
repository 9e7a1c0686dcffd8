import Aggregates
import Projections
import Runtime

/// Devices by what they are, as JSON.
struct DevicesDashboard: Encodable {
    var total: Int64 = 0
    var byState: [String: Int64] = [:]
    var byConnectivity: [String: Int64] = [:]
    var byType: [String: Int64] = [:]
    /// Whose clock counts as wrong.
    var drifted: Int64 = 0

    /// Retired devices are counted by their state only.
    init(_ counts: [FleetCount]) {
        for count in counts {
            byState[count.state.rawValue, default: 0] += count.devices
            if count.state == .retired { continue }
            total += count.devices
            drifted += count.drifted
            byConnectivity[count.presence.rawValue, default: 0] += count.devices
            byType[count.type.rawValue, default: 0] += count.devices
        }
    }
}

/// What devices send, as JSON.
struct MetricsDashboard: Encodable {
    struct Talker: Encodable {
        var device: String
        var messagesPerSecond: Double
    }

    var messagesPerSecond: Double
    var eventsPerSecond: Double
    /// Since the devices were registered.
    var readings: Int64 = 0
    var duplicate: Int64 = 0
    var flagged: Int64 = 0
    var late: Int64 = 0
    var refused: Int64 = 0
    /// The ten devices that have sent most lately.
    var topTalkers: [Talker]

    init(_ counts: [FleetCount], _ traffic: [StreamTraffic]) {
        let seconds = traffic.first?.seconds ?? 60
        // More digits would say nothing.
        func rate(_ count: Int64) -> Double { (Double(count) / seconds * 1_000).rounded() / 1_000 }
        messagesPerSecond = rate(traffic.reduce(0) { $0 + $1.messages })
        eventsPerSecond = rate(traffic.reduce(0) { $0 + $1.events })
        for count in counts {
            readings += count.readings
            duplicate += count.duplicates
            flagged += count.flagged
            late += count.late
            refused += count.refused
        }
        let prefix = "\(Device.category)-"
        topTalkers = traffic.filter { $0.messages > 0 && $0.stream.hasPrefix(prefix) }
            .sorted { ($1.messages, $0.stream) < ($0.messages, $1.stream) }.prefix(10)
            .map {
                Talker(device: String($0.stream.dropFirst(prefix.count)), messagesPerSecond: rate($0.messages))
            }
    }
}

/// Alerts that are not cleared, as JSON.
struct AlertsDashboard: Encodable {
    var open: Int64 = 0
    var acknowledged: Int64 = 0
    /// The open ones.
    var bySeverity: [String: Int64] = [:]
    /// The newest open ones.
    var newest: [AlertAnswer] = []

    init(_ counts: [AlertCount], newest: [AlertRow]) {
        for count in counts {
            switch count.state {
            case .open:
                open += count.alerts
                bySeverity[count.severity.rawValue, default: 0] += count.alerts
            case .acknowledged: acknowledged += count.alerts
            case .unraised, .cleared: break
            }
        }
        self.newest = newest.map { AlertAnswer($0) }
    }
}

/// The whole fleet on one page, as JSON.
struct FleetAnswer: Encodable {
    var devices: DevicesDashboard
    /// By account, without retired ones.
    var byAccount: [String: Int64]
    var metrics: MetricsDashboard
    var alerts: AlertTotals

    struct AlertTotals: Encodable {
        var open: Int64
        var acknowledged: Int64
    }

    init(_ counts: FleetOverview.Counts) {
        devices = DevicesDashboard(counts.devices)
        byAccount = counts.devices.filter { $0.state != .retired }
            .reduce(into: [:]) { $0[$1.account.rawValue, default: 0] += $1.devices }
        metrics = MetricsDashboard(counts.devices, counts.traffic)
        let dashboard = AlertsDashboard(counts.alerts, newest: [])
        alerts = AlertTotals(open: dashboard.open, acknowledged: dashboard.acknowledged)
    }
}
