import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], account: .default))
private let reading = Device.Event.telemetryRecorded(TelemetryRecorded(metrics: ["a": .number(1)], clock: .server))

private func says(_ isOnline: Bool, _ firmware: String? = nil) -> Device.Command {
    .reportStatus(StatusReport(isOnline: isOnline, firmware: firmware))
}

private let connected = Device.Event.connected(DeviceConnected())
private let disconnected = Device.Event.disconnected(DeviceDisconnected())
private func after(_ seconds: Int) -> Timestamp { .noon + .seconds(seconds) }

@Suite struct `The connectivity of a device` {
    @Test func `is unknown until it is heard of, and online with any message`() {
        let spec = Spec.given(registered)
        #expect(spec.state.connectivity.presence == .unknown)
        #expect(spec.and(reading, at: after(1)).state.connectivity.presence == .online)
    }

    @Test func `counts a session with each time that it comes, not with what is said again`() {
        let there = Spec.given(registered, connected)
        there.when(says(true), at: after(1)).thenNothing()
        there.when(says(false), at: after(1)).then(disconnected)
        let gone = there.and(disconnected, at: after(1))
        gone.when(says(false), at: after(2)).thenNothing()
        gone.when(says(true), at: after(2)).then(connected)
        let back = gone.and(connected, at: after(2)).state.connectivity
        #expect(back.sessions == 2 && back.presence == .online && back.since == after(2))
    }

    @Test func `holds the firmware, of which a new one is no new session`() {
        let there = Spec.given(registered, .connected(DeviceConnected(firmware: "1")))
        there.when(says(true, "1"), at: after(1)).thenNothing()
        there.when(says(true, "2"), at: after(1)).then(.connected(DeviceConnected(firmware: "2")))
        let updated = there.and(.connected(DeviceConnected(firmware: "2")), at: after(1)).state.connectivity
        #expect(updated.firmware == "2" && updated.sessions == 1)
    }

    @Test func `ends with a silence, and comes back with any message`() {
        let silence = Device.Command.fallSilent(lastSeenTime: .noon)
        let there = Spec.given(registered, connected)
        let fellSilent = Device.Event.fellSilent(DeviceFellSilent(lastSeenTime: .noon))
        there.when(silence, at: after(900)).then(fellSilent)
        let silent = there.and(fellSilent, at: after(900))
        #expect(silent.state.connectivity.presence == .offline && silent.state.connectivity.since == after(900))
        silent.when(silence, at: after(901)).thenNothing()
        let back = silent.and(reading, at: after(1_000)).state.connectivity
        #expect(back.presence == .online && back.since == nil)
        // The reading that brings it back says so, and no other.
        let report = Device.Command.recordTelemetry(Telemetry(metrics: ["a": .number(1)], seq: nil, clock: .server))
        var returning = TelemetryRecorded(metrics: ["a": .number(1)], clock: .server)
        silent.and(.telemetryRecorded(returning), at: after(1_000)).when(report, at: after(1_001)).then(
            .telemetryRecorded(returning))
        returning.returned = true
        silent.when(report, at: after(1_000)).then(.telemetryRecorded(returning))
        // So does the first one of all.
        let new = Spec.given(registered)
        new.when(report, at: after(1)).then(.telemetryRecorded(returning))
        returning.returned = nil
        Spec.given(registered, connected).when(report, at: after(1)).then(.telemetryRecorded(returning))
        // Its session is over, so that it opens one when it says so.
        silent.and(reading, at: after(1_000)).when(says(true), at: after(1_001)).then(connected)
    }

    @Test func `of one that comes and goes 100 times a minute takes few events, and says so once`() {
        var spec = Spec.given(registered)
        var (events, flapping) = (0, 0)
        var time = Timestamp.noon
        for change in 0..<12_000 {
            time = .noon + .milliseconds(change * 300)
            guard case .success(let new) = spec.when(says(change % 2 == 0), at: time).result else { continue }
            for event in new {
                spec = spec.and(event, at: time)
                events += 1
                if case .flapping = event { flapping += 1 }
            }
        }
        // An hour: what it takes to notice, and one a minute.
        #expect(flapping == 1 && events <= Connectivity.mostChanges + 61, "\(events)")
        let until = spec.state.connectivity.flappingUntil
        #expect(until.map { $0 > time } == true)
        // After a calm each change is noted again.
        let calm = time + .seconds(700)
        let isOnline = spec.state.connectivity.presence == .online
        spec.when(says(!isOnline), at: calm).then(isOnline ? disconnected : connected)
        spec.and(isOnline ? disconnected : connected, at: calm).when(says(isOnline), at: calm + .seconds(1))
            .then(isOnline ? connected : disconnected)
    }

    @Test func `is noted of a quarantined device, not of a retired one`() {
        Spec.given(registered, .quarantined(DeviceQuarantined(reason: "odd"))).when(says(true)).then(connected)
        Spec.given(registered, .retired(DeviceRetired(reason: ""))).when(says(true)).thenRejected(.retired)
    }

    @Test func `is unknown in a snapshot from before it was kept`() throws {
        let state = Spec.given(registered, connected).state
        var fields =
            try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(state)) as? [String: Any])
        #expect(fields.removeValue(forKey: "connectivity") != nil)
        let old = try JSONDecoder().decode(
            Device.State.self, from: JSONSerialization.data(withJSONObject: fields))
        #expect(old.connectivity == Connectivity() && old.serial == "S-1")
    }
}
