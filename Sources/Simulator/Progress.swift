/// Says in one line how a fleet is doing.
struct Progress: Sendable {
    let devices: Int
    private var last = (acknowledged: 0, at: Duration.zero)

    init(devices: Int) { self.devices = devices }

    mutating func line(_ counts: FleetCounts, after elapsed: Duration) -> String {
        let seconds = max((elapsed - last.at) / .seconds(1), 0.001)
        let rate = Double(counts.acknowledged - last.acknowledged) / seconds
        last = (counts.acknowledged, elapsed)
        var line = "\(elapsed.components.seconds) s: \(counts.online)/\(devices) online, "
        line += "\(counts.messages) messages, \(counts.acknowledged) acknowledged, \(Shown.number(rate))/s, "
        line += "\(counts.outstanding) waiting"
        if counts.unheard > 0 { line += ", \(counts.unheard) times no server was subscribed" }
        if counts.failures > 0, counts.online < devices, let reason = counts.lastFailure {
            line += ", \(counts.failures) connections failed, last: \(reason)"
        }
        return line
    }
}
