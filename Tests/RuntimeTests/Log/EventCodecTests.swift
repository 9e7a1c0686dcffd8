import Runtime
import Testing

@Suite struct `An event codec` {
    struct Reading: Codable, Sendable, Equatable {
        var celsius: Double
        var sensor: String
    }
    struct ReadingV1: Codable, Sendable { var fahrenheit: Double }
    struct ReadingV2: Codable, Sendable { var celsius: Double }
    enum Event: Sendable, Equatable { case read(Reading) }

    let codec = EventCodec<Event>([
        .init("Read", schemaVersion: 3, wrap: Event.read) { if case .read(let fact) = $0 { fact } else { nil } }
            .upcasting(from: 1) { (old: ReadingV1) in
                .read(Reading(celsius: (old.fahrenheit - 32) / 1.8, sensor: "unknown"))
            }
            .upcasting(from: 2) { (old: ReadingV2) in .read(Reading(celsius: old.celsius, sensor: "unknown")) }
    ])

    @Test func `writes today's schema version and reads it back`() throws {
        let event = Event.read(Reading(celsius: 21.5, sensor: "a"))
        let encoded = try codec.encode(event)
        #expect(encoded.schemaVersion == 3)
        #expect(String(decoding: encoded.data, as: UTF8.self) == #"{"celsius":21.5,"sensor":"a"}"#)
        #expect(try codec.decode(type: "Read", schemaVersion: 3, data: encoded.data) == event)
    }

    @Test(arguments: [(Int32(1), #"{"fahrenheit":50}"#), (2, #"{"celsius":10}"#)])
    func `brings old payloads up to date on reading`(_ version: Int32, _ json: String) throws {
        #expect(
            try codec.decode(type: "Read", schemaVersion: version, data: Array(json.utf8))
                == .read(Reading(celsius: 10, sensor: "unknown")))
    }

    @Test func `names what it cannot read`() {
        #expect(throws: EventCodecError.unknownType("Other")) {
            try codec.decode(type: "Other", schemaVersion: 1, data: [])
        }
        #expect(throws: EventCodecError.unknownSchemaVersion(type: "Read", version: 4)) {
            try codec.decode(type: "Read", schemaVersion: 4, data: [])
        }
        #expect(throws: EventCodecError.self) {
            try codec.decode(type: "Read", schemaVersion: 3, data: Array("{}".utf8))
        }
    }

    @Test func `refuses what JSON cannot say`() {
        #expect(throws: EventCodecError.self) { try codec.encode(.read(Reading(celsius: .nan, sensor: "a"))) }
    }
}
