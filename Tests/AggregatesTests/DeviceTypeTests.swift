import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let freezer = TelemetrySchema(
    metrics: [
        "temperature": MetricDefinition(.number, unit: "°C", minimum: -40, maximum: 10, isRequired: true),
        "door": MetricDefinition(.boolean), "note": MetricDefinition(.text),
    ], silenceSeconds: 60)

private let schemas = TelemetrySchemas.readyMade.defining(DeviceType("freezer"), freezer, in: .default)

private func device(_ type: String, _ account: AccountID = .default) -> Specification<Device> {
    .given(
        .registered(
            DeviceRegistered(serial: "s", type: DeviceType(type), name: "", labels: [:], account: account)))
}

private func flags(
    _ metrics: [String: MetricValue], of device: Specification<Device>, by schemas: TelemetrySchemas? = schemas
) throws -> ReadingFlags? {
    let telemetry = Telemetry(metrics: metrics, seq: nil, clock: .device, schemas: schemas)
    guard case .telemetryRecorded(let fact)? = try device.when(.recordTelemetry(telemetry)).result.get().first else {
        Issue.record("the reading was dropped")
        return nil
    }
    // Kept whole, whatever is odd about it.
    #expect(fact.metrics == metrics)
    return fact.flags
}

@Suite struct `A reading, judged by its device's type` {
    @Test func `has no flags if nothing is odd`() throws {
        #expect(try flags(["temperature": .number(-40), "door": .flag(true)], of: device("freezer")) == nil)
        #expect(
            try flags(["temperature": .number(10), "note": .text("x"), "door": .null], of: device("freezer")) == nil)
    }

    @Test func `is flagged with what is unknown, out of range, of the wrong kind or missing`() throws {
        let odd: [String: MetricValue] = ["temperature": .number(10.1), "door": .text("open"), "co2": .number(1)]
        #expect(
            try flags(odd, of: device("freezer"))
                == ReadingFlags(
                    metrics: ["temperature": .outOfRange, "door": .wrongKind, "co2": .unknown], schema: 1))
        for empty: [String: MetricValue] in [["door": .flag(false)], ["temperature": .null]] {
            #expect(try flags(empty, of: device("freezer")) == ReadingFlags(missing: ["temperature"], schema: 1))
        }
    }

    @Test func `is not judged where nothing is known of the type`() throws {
        #expect(try flags(["x": .number(1)], of: device("oven")) == nil)
        #expect(try flags(["x": .number(1)], of: device("freezer"), by: nil) == nil)
        // A type of another account is none of this one's.
        #expect(try flags(["x": .number(1)], of: device("freezer", AccountID("other"))) == nil)
    }

    @Test func `is judged by the account's own type rather than the ready-made one of the same name`() throws {
        let own = schemas.defining(
            DeviceType("smoke"), TelemetrySchema(version: 3, metrics: [:], silenceSeconds: 60), in: .default)
        #expect(try flags(["smoke": .number(1)], of: device("smoke"), by: own)?.schema == 3)
        #expect(try flags(["smoke": .number(1)], of: device("smoke", AccountID("other")), by: own) == nil)
    }

    @Test func `counts, and the newest is remembered`() throws {
        func recorded(_ flags: ReadingFlags?) -> Device.Event {
            .telemetryRecorded(TelemetryRecorded(metrics: ["a": .number(1)], clock: .device, flags: flags))
        }
        let (first, second) = (ReadingFlags(missing: ["a"], schema: 1), ReadingFlags(missing: ["b"], schema: 1))
        let state = device("freezer").and(recorded(first), at: .noon + .seconds(60))
            .and(recorded(nil), at: .noon + .seconds(90)).and(recorded(second), at: .noon).state
        #expect(state.flaggedCount == 2 && state.telemetryCount == 3)
        #expect(state.latestFlagged == FlaggedReading(flags: first, time: .noon + .seconds(60)))
    }

    @Test func `names at most 64 strange metrics`() throws {
        let strange = Dictionary(uniqueKeysWithValues: (100..<300).map { ("m\($0)", MetricValue.number(1)) })
        let found = try #require(try flags(strange, of: device("freezer")))
        #expect(found.metrics.keys.sorted() == (100..<164).map { "m\($0)" })
    }

    @Test func `of any ready-made type may hold what its devices say of themselves`() throws {
        let readings: [(String, [String: MetricValue])] = [
            ("smoke", ["smoke": .number(2)]), ("water", ["leak": .flag(false), "moisture": .number(3)]),
            ("temperature", ["temperature": .number(3)]), ("humidity", ["humidity": .number(40)]),
            ("motion", ["motion": .flag(true)]), ("battery", ["charge": .number(99)]),
            ("location", ["latitude": .number(1), "longitude": .number(2), "speed": .number(3)]),
        ]
        #expect(Set(readings.map(\.0)) == Set(ReadyMadeTypes.all.keys.map(\.rawValue)))
        for (type, metrics) in readings {
            let reading = metrics.merging(["voltage": .number(3.6), "status": .text("OK")]) { own, _ in own }
            #expect(try flags(reading, of: device(type)) == nil, "\(type)")
        }
    }
}

@Suite struct `The flags of a reading` {
    private static let all: [ReadingFlags?] = [
        nil, ReadingFlags(metrics: ["a\"b": .unknown, "é": .wrongKind, "c": .outOfRange], schema: 2),
        ReadingFlags(missing: ["x", "y\n"], schema: 12),
        ReadingFlags(metrics: ["a": .unknown], missing: ["b"], schema: 1),
    ]

    @Test(arguments: all, [nil, 7] as [Int64?]) func `are in the log as Foundation would write them`(
        _ flags: ReadingFlags?, _ seq: Int64?
    ) throws {
        let fact = TelemetryRecorded(metrics: ["a": .number(1)], seq: seq, clock: .device, flags: flags)
        let encoded = try Device.codec.encode(.telemetryRecorded(fact)).data
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: encoded, as: UTF8.self)
        #expect(try JSONDecoder().decode(TelemetryRecorded.self, from: Data(encoded)) == fact, "\(text)")
        if flags?.missing.contains("y\n") != true, flags?.metrics["a\"b"] == nil {
            #expect(text == String(decoding: try encoder.encode(fact), as: UTF8.self))
        }
        let decoded = try Device.codec.decode(type: "TelemetryRecorded", schemaVersion: 1, data: encoded)
        #expect(decoded == .telemetryRecorded(fact), "\(text)")
    }

    @Test func `that another version of the program adds to are read as far as they are known`() throws {
        let data = #"{"clock":"device","flags":{"missing":["a"],"schema":1,"time":"past"},"metrics":{"b":1}}"#
        let decoded = try Device.codec.decode(type: "TelemetryRecorded", schemaVersion: 1, data: Array(data.utf8))
        guard case .telemetryRecorded(let fact) = decoded else { return }
        #expect(fact.flags == ReadingFlags(missing: ["a"], schema: 1))
    }
}

@Suite struct `A type that an account defines` {
    private typealias Spec = Specification<Account>
    private let spec = Spec.given(.opened(AccountOpened(id: .default, name: "A")))
    private let name = DeviceType("freezer")

    private func defined(_ schema: TelemetrySchema, _ version: Int) -> Account.Event {
        var schema = schema
        schema.version = version
        return .deviceTypeDefined(DeviceTypeDefined(name: name, schema: schema))
    }

    @Test func `has a new version with each change, and none without`() {
        spec.when(.defineDeviceType(name: name, freezer)).then(defined(freezer, 1))
        let once = spec.and(defined(freezer, 1), at: .noon)
        once.when(.defineDeviceType(name: name, freezer)).thenNothing()
        var changed = freezer
        changed.silenceSeconds = 120
        once.when(.defineDeviceType(name: name, changed)).then(defined(changed, 2))
        let twice = once.and(defined(changed, 2), at: .noon)
        #expect(twice.state.deviceTypes["freezer"]?.version == 2)
        twice.when(.defineDeviceType(name: name, changed)).thenNothing()
    }

    @Test(arguments: [
        ("Freezer", freezer, "name"), ("", freezer, "name"),
        ("f", TelemetrySchema(metrics: ["": .init(.number)], silenceSeconds: 60), "metrics"),
        ("f", TelemetrySchema(metrics: ["ts": .init(.number)], silenceSeconds: 60), "metrics"),
        ("f", TelemetrySchema(metrics: ["a": .init(.number, unit: "")], silenceSeconds: 60), "metrics"),
        ("f", TelemetrySchema(metrics: ["a": .init(.text, minimum: 1)], silenceSeconds: 60), "metrics"),
        ("f", TelemetrySchema(metrics: ["a": .init(.number, minimum: 2, maximum: 1)], silenceSeconds: 60), "metrics"),
        ("f", TelemetrySchema(metrics: [:], silenceSeconds: 9), "silenceSeconds"),
    ])
    func `is refused with the name of the malformed field`(_ name: String, _ schema: TelemetrySchema, _ field: String) {
        let result = spec.when(.defineDeviceType(name: DeviceType(name), schema)).result
        guard case .failure(.malformed(field, _)) = result else {
            Issue.record("\(field) was taken")
            return
        }
    }

    @Test func `is one of 64 at most`() {
        var spec = spec
        for number in 0..<64 {
            let fact = DeviceTypeDefined(name: DeviceType("t\(number)"), schema: freezer)
            spec = spec.and(.deviceTypeDefined(fact), at: .noon)
        }
        guard case .failure(.malformed("name", _)) = spec.when(.defineDeviceType(name: name, freezer)).result else {
            Issue.record("one more was taken")
            return
        }
    }
}
