import Aggregates
import Foundation
import Runtime
import Testing
import Workflows

private typealias Spec = WorkflowSpecification<Silence>

private let settings = AccountSettings(silence: .init(seconds: 100, grace: 20))

private func after(_ seconds: Int) -> Timestamp { .noon + .seconds(seconds) }

private let reading = FleetEvent.device(
    .telemetryRecorded(TelemetryRecorded(metrics: ["temperature": .number(20)], clock: .device)))

private let retired = FleetEvent.device(.retired(DeviceRetired(reason: "broken")))

private let moved = FleetEvent.device(.assigned(DeviceAssigned(account: AccountID("other"))))

private func registered(_ type: String) -> FleetEvent {
    .device(
        .registered(
            DeviceRegistered(serial: "s", type: DeviceType(type), name: "", labels: [:], account: .default)))
}

private func updated(_ type: String) -> FleetEvent { .device(.updated(DeviceUpdated(type: DeviceType(type)))) }

private func refused() throws -> FleetEvent {
    let payload = #"{"topic":"t","reason":"not JSON","bytes":1,"sha256":"00"}"#
    return .device(try Device.codec.decode(type: "MessageRefused", schemaVersion: 1, data: Array(payload.utf8)))
}

private func alert(_ number: Int = 1) -> DeviceAlert {
    DeviceAlert(kind: "silence", device: "d1", number: number, account: .default)
}

/// Heard once, at noon.
private let heard = Spec.given(reading, settings: settings)
private let offline = heard.and(until: after(100))
private let alarmed = heard.and(until: after(120))

@Suite struct `A device that is heard of` {
    @Test func `starts one timer with its first message`() {
        Spec.given(settings: settings).when(reading, at: .noon)
            .then(Reaction(timers: [.set("silence", due: after(100))]))
    }

    @Test func `sets none with the messages after that`() {
        heard.when(reading, at: after(50)).thenNothing()
    }

    @Test func `has its timer set again when it elapses, for as long as something came in between`() {
        let spec = heard.and(reading, at: after(40)).and(reading, at: after(70))
        let outcome = spec.when(timer: "silence")
        outcome.then(Reaction(timers: [.set("silence", due: after(170))]))
        outcome.next.when(timer: "silence").thenDecisions(
            .wentOffline(Silence.DeviceWentOffline(lastSeenTime: after(70))))
    }

    @Test func `is known by recorded time, whatever its own clock says`() {
        let spec = heard.and(reading, at: after(-9_000), recordedAt: after(90))
        spec.when(timer: "silence").then(Reaction(timers: [.set("silence", due: after(190))]))
    }

    @Test func `is heard of also by a message that was refused`() throws {
        Spec.given(settings: settings).when(try refused(), at: .noon).thenPending(["silence": after(100)])
        heard.and(try refused(), at: after(60)).when(timer: "silence")
            .then(Reaction(timers: [.set("silence", due: after(160))]))
    }

    @Test func `is heard of when it connects, and not when its last will says that it has gone`() {
        let connected = FleetEvent.device(.connected(DeviceConnected()))
        let gone = FleetEvent.device(.disconnected(DeviceDisconnected()))
        heard.and(connected, at: after(60)).and(gone, at: after(90)).when(timer: "silence")
            .then(Reaction(timers: [.set("silence", due: after(160))]))
        offline.when(gone, at: after(110)).thenNothing()
        offline.when(connected, at: after(110)).thenDecisions(.cameOnline(Silence.DeviceCameOnline()))
    }

    @Test func `may be silent for its type's interval unless the account says otherwise`() {
        let spec = Spec.given(registered("smoke"))
        spec.when(reading, at: .noon).thenPending(["silence": after(180)])
        spec.and(updated("battery"), at: .noon).when(reading, at: .noon).thenPending(["silence": after(86_400)])
        spec.and(settings: settings).when(reading, at: .noon).thenPending(["silence": after(100)])
    }

    @Test func `may be silent for as long as its account says of its type`() {
        let spec = Spec.given(registered("freezer"))
        spec.when(reading, at: .noon).thenPending(["silence": after(900)])
        let defined = spec.and(.seconds(60), of: DeviceType("freezer"))
        defined.when(reading, at: .noon).thenPending(["silence": after(60)])
        defined.and(settings: settings).when(reading, at: .noon).thenPending(["silence": after(100)])
        spec.and(reading, at: .noon).and(.seconds(60), of: DeviceType("freezer")).when(reading, at: after(5))
            .then(Reaction(timers: [.set("silence", due: after(65))]))
        spec.and(reading, at: .noon).and(.seconds(60), of: DeviceType("freezer")).when(timer: "silence")
            .thenDecisions(.wentOffline(Silence.DeviceWentOffline(lastSeenTime: .noon)))
    }

    @Test func `has its timer moved when its interval shrinks, not when it grows`() {
        let spec = Spec.given(registered("battery")).and(reading, at: .noon)
        spec.when(updated("smoke"), at: after(30)).then(Reaction(timers: [.set("silence", due: after(180))]))
        spec.and(settings: settings).when(reading, at: after(30))
            .then(Reaction(timers: [.set("silence", due: after(130))]))
        let longer = heard.and(settings: AccountSettings(silence: .init(seconds: 500)))
        longer.when(reading, at: after(30)).thenNothing()
        longer.and(reading, at: after(30)).when(timer: "silence")
            .then(Reaction(timers: [.set("silence", due: after(530))]))
        longer.and(reading, at: after(30)).and(settings: settings).when(reading, at: after(40))
            .then(Reaction(timers: [.set("silence", due: after(140))]))
    }
}

private let quarantined = FleetEvent.device(.quarantined(DeviceQuarantined(reason: "odd")))
private let released = FleetEvent.device(.released(DeviceReleased(reason: "")))

@Suite struct `A device that is kept out` {
    @Test func `is not missed, and its alert ends`() throws {
        heard.when(quarantined, at: after(50)).then(Reaction(timers: [.cancel("silence"), .cancel("grace")]))
        heard.and(quarantined, at: after(50)).when(timer: "silence", due: after(100)).thenNothing()
        heard.and(quarantined, at: after(50)).when(try refused(), at: after(60)).thenNothing()
        alarmed.when(quarantined, at: after(130)).thenDecisions(
            .released(Silence.SilenceReleased(reason: "The device was quarantined.")))
    }

    @Test func `gets its chance to be heard once it is released`() {
        let free = heard.and(quarantined, at: after(50)).when(released, at: after(500))
            .thenPending(["silence": after(600)])
        free.next.when(timer: "silence").thenDecisions(.wentOffline(Silence.DeviceWentOffline(lastSeenTime: .noon)))
        let wasOffline = alarmed.and(quarantined, at: after(130)).when(released, at: after(500))
        wasOffline.then(Reaction(timers: [.set("grace", due: after(620))]))
        wasOffline.next.when(reading, at: after(510)).thenDecisions(.cameOnline(Silence.DeviceCameOnline()))
        Spec.given(settings: settings).and(quarantined, at: .noon).when(released, at: after(5)).thenNothing()
    }
}

@Suite struct `A device that was never heard of` {
    @Test func `is not missed`() {
        Spec.given(settings: settings).when(registered("smoke"), at: .noon).thenNothing().thenPending([:])
        Spec.given(registered("smoke")).when(updated("water"), at: after(5)).thenNothing()
        Spec.given(registered("smoke")).when(moved, at: after(5)).thenNothing()
        Spec.given(registered("smoke")).when(retired, at: after(5)).thenNothing()
    }
}

@Suite struct `A device that has fallen silent` {
    @Test func `goes offline at the end of its interval, without an alert yet`() {
        heard.when(timer: "silence").then(
            Reaction(
                decisions: [.wentOffline(Silence.DeviceWentOffline(lastSeenTime: .noon))],
                commands: [.silence(device: "d1", lastSeenTime: .noon)],
                timers: [.set("grace", due: after(120))]))
    }

    @Test func `raises an alert when the grace time has passed`() {
        let text = "Nothing has been heard of it since \(Timestamp.noon)."
        offline.when(timer: "grace").then(
            Reaction(
                decisions: [.reported(Silence.SilenceReported(alert: alert()))],
                commands: [
                    .alert(
                        id: "silence-d1-1",
                        .raise(
                            AlertRaised(
                                account: .default, device: "d1", kind: "silence", severity: .warning,
                                title: "d1 is silent", text: text)))
                ],
                notifications: [
                    Workflows.Notification(
                        account: .default, severity: .warning, type: "fleetlog.alert.raised.v1", subject: "device/d1",
                        title: "d1 is silent", text: text,
                        data: [
                            "alert": "silence-d1-1", "kind": "silence", "device": "d1",
                            "lastSeenTime": "\(Timestamp.noon)",
                        ])
                ]))
    }

    @Test func `gets its grace time from when that was noticed`() {
        let timer = ElapsedTimer(
            name: "silence", dueTime: after(100), firedTime: after(4_000), account: .default,
            terms: AccountTerms(settings: settings))
        let reaction = Silence.react(to: .timer(timer), in: heard.state)
        #expect(reaction.timers == [.set("grace", due: after(4_020))])
    }

    @Test func `is back quietly within the grace time`() {
        offline.when(reading, at: after(110)).then(
            Reaction(
                decisions: [.cameOnline(Silence.DeviceCameOnline())],
                timers: [.cancel("grace"), .set("silence", due: after(210))])
        ).thenPending(["silence": after(210)])
    }

    @Test func `has its alert cleared when it is back`() {
        let reason = "It was heard at \(after(500))."
        let outcome = alarmed.when(reading, at: after(500))
        outcome.then(
            Reaction(
                decisions: [.cameOnline(Silence.DeviceCameOnline())],
                commands: [.alert(id: "silence-d1-1", .clear(reason: reason))],
                timers: [.set("silence", due: after(600))],
                notifications: [
                    Workflows.Notification(
                        account: .default, severity: .info, type: "fleetlog.alert.cleared.v1", subject: "device/d1",
                        title: "d1 is back", text: reason,
                        data: ["alert": "silence-d1-1", "kind": "silence", "device": "d1"])
                ]))
        outcome.next.when(reading, at: after(510)).thenNothing()
    }

    @Test func `gets a new alert when it happens again`() {
        alarmed.and(reading, at: after(500)).and(until: after(600)).when(timer: "grace")
            .thenDecisions(.reported(Silence.SilenceReported(alert: alert(2))))
    }

    @Test(arguments: ["silence", "grace"])
    func `is not reported again by a timer that elapses late`(_ timer: String) {
        alarmed.when(timer: timer, due: after(130)).thenNothing()
        alarmed.and(reading, at: after(140)).when(timer: "grace", due: after(141)).thenNothing()
    }
}

@Suite struct `A device that leaves` {
    @Test func `has all its timers cancelled when it is retired, and is not missed`() {
        heard.when(retired, at: after(10)).then(Reaction(timers: [.cancel("silence"), .cancel("grace")]))
            .thenPending([:])
        heard.and(retired, at: after(10)).when(timer: "silence", due: after(100)).thenNothing()
        offline.and(retired, at: after(110)).when(timer: "grace", due: after(120)).thenNothing()
    }

    @Test func `has its alert cleared when it is retired, once, and is not heard of again`() throws {
        let reason = "The device was retired."
        let outcome = alarmed.when(retired, at: after(130))
        outcome.thenDecisions(.released(Silence.SilenceReleased(reason: reason)))
            .thenCommands(.alert(id: "silence-d1-1", .clear(reason: reason)))
            .thenPending([:])
        outcome.next.when(retired, at: after(131)).thenCommands()
        outcome.next.when(try refused(), at: after(140)).thenNothing()
    }

    @Test func `is reported to its new account if it is still silent`() {
        let reason = "The device was moved to another account."
        let outcome = alarmed.when(moved, at: after(130))
        outcome.thenDecisions(.released(Silence.SilenceReleased(reason: reason)))
            .thenCommands(.alert(id: "silence-d1-1", .clear(reason: reason)))
            .thenPending(["grace": after(150)])
        outcome.next.when(timer: "grace").thenDecisions(.reported(Silence.SilenceReported(alert: alert(2))))
        heard.when(moved, at: after(10)).thenNothing()
    }
}

@Suite struct `The story of a silent device` {
    @Test(arguments: 0..<200)
    func `is the same when each event is delivered twice`(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let events: [FleetEvent] = [
            reading, reading, reading, try refused(), registered("smoke"), updated("water"), moved,
        ]
        var (once, twice) = (Spec.given(settings: settings), Spec.given(settings: settings))
        var time = 0
        for _ in 0..<40 {
            time += Int.random(in: 1...90, using: &random)
            let event = events[Int.random(in: 0..<events.count, using: &random)]
            once = once.and(until: after(time)).and(event, at: after(time))
            twice = twice.and(until: after(time)).and(event, event, at: after(time))
            #expect(once.state.isOffline == twice.state.isOffline)
            #expect(once.state.alert == twice.state.alert)
            #expect(once.timers == twice.timers)
        }
    }

    @Test func `survives being stored`() throws {
        let state = alarmed.state
        let stored = try JSONEncoder().encode(state)
        #expect(try JSONDecoder().decode(Silence.State.self, from: stored) == state)
    }
}
