import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private func registration(
    location: Location? = nil, metadata: [String: JSONValue] = [:]
) -> Device.Command {
    .register(
        Registration(
            serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], location: location, metadata: metadata,
            account: AccountStanding(id: .default, isActive: true)))
}

private func registered(_ location: Location? = nil, _ metadata: [String: JSONValue]? = nil) -> Device.Event {
    .registered(
        DeviceRegistered(
            serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], location: location, metadata: metadata,
            account: .default))
}

private func nested(_ levels: Int) -> JSONValue { levels == 0 ? .null : .list([nested(levels - 1)]) }

@Suite struct `The place and the metadata of a device` {
    private let hall = Location(latitude: 52.5, longitude: 13.4, text: "Hall")

    @Test func `come with its registration`() {
        Spec.given().when(registration(location: hall, metadata: ["floor": .number(2)]))
            .then(registered(hall, ["floor": .number(2)]))
        Spec.given().when(registration(location: Location())).then(registered())
        let state = Spec.given(registered(hall, ["floor": .number(2)])).state
        #expect(state.location == hall && state.metadata == ["floor": .number(2)])
    }

    @Test(arguments: [
        Location(latitude: 1), Location(longitude: 1), Location(latitude: 90.1, longitude: 0),
        Location(latitude: 0, longitude: -180.5), Location(latitude: .nan, longitude: 0), Location(text: ""),
        Location(text: "a\u{0}"), Location(text: String(repeating: "x", count: 201)),
    ])
    func `are refused where no place can be meant`(_ location: Location) {
        guard case .failure(.malformed("location", _)) = Spec.given().when(registration(location: location)).result
        else {
            Issue.record("\(location) was taken")
            return
        }
    }

    @Test func `are bounded`() {
        let large = JSONValue.text(String(repeating: "x", count: 8_192))
        for metadata in [["a": large], ["a": nested(8)]] {
            guard case .failure(.malformed("metadata", _)) = Spec.given().when(registration(metadata: metadata)).result
            else {
                Issue.record("\(metadata.keys) was taken")
                return
            }
        }
        Spec.given().when(registration(metadata: ["a": nested(7)])).then(registered(nil, ["a": nested(7)]))
    }

    @Test func `change as a whole, and can be taken away`() {
        let spec = Spec.given(registered(hall, ["a": .bool(true)]))
        spec.when(.update(Changes(location: hall, metadata: ["a": .bool(true)]))).thenNothing()
        let taken = Device.Event.updated(DeviceUpdated(location: Location(), metadata: [:]))
        spec.when(.update(Changes(location: Location(), metadata: [:]))).then(taken)
        let state = spec.and(taken, at: .noon).state
        #expect(state.location == nil && state.metadata.isEmpty)
        Spec.given(registered()).when(.update(Changes(location: Location()))).thenNothing()
    }

    @Test func `leave the serial number to be corrected`() {
        let spec = Spec.given(registered())
        spec.when(.update(Changes(serial: "S-2"))).then(.updated(DeviceUpdated(serial: "S-2")))
        spec.when(.update(Changes(serial: "S-1"))).thenNothing()
        #expect(spec.and(.updated(DeviceUpdated(serial: "S-2")), at: .noon).state.serial == "S-2")
    }

    @Test func `survive the log`() throws {
        let metadata: [String: JSONValue] = [
            "a": .list([.number(1.5), .bool(false), .null]), "b": .object(["c": .text("é")]),
        ]
        let event = registered(hall, metadata)
        let encoded = try Device.codec.encode(event)
        let decoded = try Device.codec.decode(
            type: encoded.type, schemaVersion: encoded.schemaVersion, data: encoded.data)
        #expect(decoded == event)
    }
}

/// What was stored before devices had a location, metadata or a quarantine, as it lies in the log.
@Suite struct `A device from before` {
    @Test func `has its events read`() throws {
        let stored = [
            (
                "DeviceRegistered",
                #"{"account":"default","labels":{"a":"b"},"name":"Hall","serial":"S","type":"smoke"}"#
            ),
            ("DeviceUpdated", #"{"name":"Attic"}"#), ("DeviceAssigned", #"{"account":"north"}"#),
            ("TelemetryRecorded", #"{"clock":"device","metrics":{"temperature":20.5},"seq":4}"#),
            ("MessageRefused", #"{"bytes":3,"reason":"not JSON","sha256":"ab","topic":"t"}"#),
        ]
        var state = Device.initial
        for (type, data) in stored {
            let event = try Device.codec.decode(type: type, schemaVersion: 1, data: Array(data.utf8))
            // Written again it has the same bytes: what is absent stays absent.
            #expect(try String(decoding: Device.codec.encode(event).data, as: UTF8.self) == data)
            Device.evolve(&state, with: event, observedAt: .noon)
        }
        #expect(state.status == .active && state.location == nil && state.metadata.isEmpty)
        #expect(state.name == "Attic" && state.refusedCount == 1)
    }

    @Test func `has its snapshot read, which may be all that is left of it`() throws {
        let snapshot = """
            {"account":"default","labels":{},"name":"Hall","readings":{"temperature":{"time":"2026-11-21T12:00:00Z",\
            "value":20.5}},"refusedCount":1,"sequence":{"spans":[{"first":1,"last":4}]},"serial":"S","status":"active",\
            "telemetryCount":4,"type":"smoke","latestObserved":"2026-11-21T12:00:00Z"}
            """
        let state = try JSONDecoder().decode(Device.State.self, from: Data(snapshot.utf8))
        #expect(state.telemetryCount == 4 && state.quarantine == nil && state.metadata.isEmpty)
        #expect(Device.stateVersion == 1)
        let again = try JSONDecoder().decode(Device.State.self, from: JSONEncoder().encode(state))
        #expect(again == state)
    }
}
