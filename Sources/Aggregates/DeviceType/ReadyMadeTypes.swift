/// The device types that every account has, unless it defines one of the same name itself.
package enum ReadyMadeTypes {
    package static let all: [DeviceType: TelemetrySchema] = Dictionary(
        uniqueKeysWithValues: [
            // Life safety: at a report a minute, two lost ones are forgiven.
            type("smoke", silence: 3 * 60, ["smoke": number("ppm", 0, 100_000, isRequired: true)]),
            type(
                "water", silence: 3 * 60,
                ["leak": .init(.boolean, isRequired: true), "moisture": number("%", 0, 100)]),
            type("temperature", silence: 15 * 60, ["temperature": number("°C", -60, 200, isRequired: true)]),
            type("humidity", silence: 15 * 60, ["humidity": number("%", 0, 100, isRequired: true)]),
            type("motion", silence: 15 * 60, ["motion": .init(.boolean, isRequired: true)]),
            type(
                "location", silence: 30 * 60,
                [
                    "latitude": number("°", -90, 90, isRequired: true),
                    "longitude": number("°", -180, 180, isRequired: true), "altitude": number("m", -500, 20_000),
                    "speed": number("m/s", 0, 1_000), "heading": number("°", 0, 360), "accuracy": number("m", 0, nil),
                ]),
            type("battery", silence: 24 * 60 * 60, ["charge": number("%", 0, 100, isRequired: true)]),
        ])

    /// What a device of any of them may say of itself.
    private static let housekeeping: [String: MetricDefinition] = [
        "temperature": number("°C", -60, 200), "humidity": number("%", 0, 100), "voltage": number("V", 0, 1_000),
        "battery": number("%", 0, 100), "battery.voltage": number("V", 0, 1_000), "rssi": number("dBm", -200, 50),
        "uptime": number("s", 0, nil), "status": .init(.text), "firmware": .init(.text),
    ]

    private static func type(
        _ name: String, silence: Int, _ own: [String: MetricDefinition]
    ) -> (DeviceType, TelemetrySchema) {
        let metrics = housekeeping.merging(own) { _, own in own }
        return (DeviceType(name), TelemetrySchema(metrics: metrics, silenceSeconds: silence))
    }

    private static func number(
        _ unit: String, _ minimum: Double, _ maximum: Double?, isRequired: Bool = false
    ) -> MetricDefinition {
        MetricDefinition(.number, unit: unit, minimum: minimum, maximum: maximum, isRequired: isRequired)
    }
}
