/// Turns surroundings into what a sensor of some type reports.
struct Sensor: Sendable {
    let type: SensorType

    static let smokeAlarm = 4.0
    static let heatAlarm = 57.0
    static let leakAlarm = 30.0
    static let lowVoltage = 3.2

    func metrics(_ around: Surroundings, random: inout SeededRandom) -> [Reading.Metric] {
        var metrics: [Reading.Metric] = []
        var isAlarm = false
        func add(_ name: String, _ number: Double, decimals: Double) {
            let scale = decimals == 0 ? 1.0 : decimals == 1 ? 10 : 100
            metrics.append(.init(name: name, value: .number((number * scale).rounded() / scale)))
        }
        switch type {
        case .smoke:
            add("temperature", around.temperature, decimals: 1)
            add("smoke", around.smoke, decimals: 2)
            isAlarm = around.smoke >= Self.smokeAlarm || around.temperature >= Self.heatAlarm
        case .temperature:
            add("temperature", around.temperature, decimals: 1)
        case .water:
            add("temperature", around.temperature - 2, decimals: 1)
            add("moisture", around.moisture, decimals: 1)
            isAlarm = around.moisture >= Self.leakAlarm
            metrics.append(.init(name: "leak", value: .flag(isAlarm)))
        case .humidity:
            add("humidity", around.humidity, decimals: 1)
            add("temperature", around.temperature, decimals: 1)
        case .motion:
            metrics.append(.init(name: "motion", value: .flag(random.chance(around.bustle))))
        case .battery:
            add("charge", min(100, max(0, (around.voltage - 2.6) * 100)), decimals: 0)
        }
        add("voltage", around.voltage, decimals: 2)
        let status = isAlarm ? "ALARM" : around.voltage < Self.lowVoltage ? "LOW" : "OK"
        metrics.append(.init(name: "status", value: .text(status)))
        return metrics
    }
}
