import Aggregates
import Runtime

/// Telemetry as devices send it: about 120 bytes of payload, one stream a writer. The same every time it is asked.
struct SampleEvents: Sendable {
    private static let fourMetrics = payloads { number in
        """
        "battery":\(3.5 + Double(number) / 128),"humidity":\(40 + Double(number) / 4),"rssi":-\(50 + number),\
        "temperature":\(18 + Double(number) / 8)
        """
    }
    private static let temperatures = payloads { #""temperature":\#(18 + Double($0) / 8)"# }

    private static func payloads(_ metrics: (Int) -> String) -> [[UInt8]] {
        (0..<64).map { Array(#"{"clock":"device","metrics":{\#(metrics($0))},"seq":\#(100_000 + $0)}"#.utf8) }
    }

    static let start = Timestamp(microseconds: 1_795_000_000_000_000)

    /// Between two events of a stream.
    var interval = Duration.milliseconds(1)
    /// Whether a reading is of the temperature alone, else of four metrics.
    var isOfTemperature = false

    func stream(of writer: Int) -> StreamName { StreamName(category: "device", id: "bench\(writer)") }

    /// The event that a writer appends to its stream as `version`.
    func event(of writer: Int, version: Int64) -> NewEvent {
        let time = Self.start + interval * Int(version)
        let number = UInt64(writer) << 40 | UInt64(version)
        let command = UUID128.v7(at: time, random: (Self.mixed(number), Self.mixed(number ^ 0x5bd1_e995)))
        return NewEvent(
            id: .v7(at: time, random: (Self.mixed(~number), Self.mixed(~number ^ 0x5bd1_e995))),
            type: "TelemetryRecorded",
            class: .telemetry, observedTime: time,
            data: (isOfTemperature ? Self.temperatures : Self.fourMetrics)[(writer &+ Int(version)) & 63],
            metadata: EventMetadata(
                principal: .device("bench\(writer)"), account: .default, commandID: command, correlationID: command))
    }

    /// The first event of a device that has a registration, by a person.
    func registration(of writer: Int) throws -> NewEvent {
        var event = event(of: writer, version: 1)
        // Somewhere between 47 and 55 degrees north, 5 and 15 east.
        let place = Self.mixed(UInt64(writer))
        let location = Location(
            latitude: 47 + Double(place % 8_000) / 1_000, longitude: 5 + Double((place >> 32) % 10_000) / 1_000)
        let encoded = try Device.codec.encode(
            .registered(
                DeviceRegistered(
                    serial: "S-\(writer)", type: DeviceType("temperature"), name: "Device \(writer)",
                    labels: ["floor": "\(writer & 15)"], location: location, account: .default)))
        event.type = encoded.type
        event.schemaVersion = encoded.schemaVersion
        event.eventClass = encoded.eventClass
        event.data = encoded.data
        event.metadata.principal = .user("installer")
        return event
    }

    func append(of writer: Int, version: Int64) -> Append {
        Append([StreamChange(stream(of: writer), expecting: version - 1, events: [event(of: writer, version: version)])]
        )
    }

    // The finalizer of SplitMix64: ids must differ, and the system's random numbers would cost as much as an append.
    static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = (number &+ 0x9e37_79b9_7f4a_7c15)
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
