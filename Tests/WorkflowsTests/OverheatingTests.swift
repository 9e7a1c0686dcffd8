import Aggregates
import Foundation
import Runtime
import Testing
import Workflows

private typealias Spec = WorkflowSpecification<Overheating>

private let settings = AccountSettings(overheating: .init(limit: 50, n: 3, seconds: 60, clear: 45))

private func reading(_ temperature: MetricValue) -> FleetEvent {
    .device(.telemetryRecorded(TelemetryRecorded(metrics: ["temperature": temperature], clock: .device)))
}

private func reading(_ celsius: Double) -> FleetEvent { reading(.number(celsius)) }

private func after(_ seconds: Int) -> Timestamp { .noon + .seconds(seconds) }

private func device(_ temperatures: (second: Int, celsius: Double)...) -> Spec {
    var spec = Spec.given(settings: settings)
    for (second, celsius) in temperatures { spec = spec.and(reading(celsius), at: after(second)) }
    return spec
}

private func alert(_ number: Int = 1) -> DeviceAlert {
    DeviceAlert(kind: "overheating", device: "d1", number: number, account: .default)
}

private let hot = device((0, 60), (60, 60))

@Suite struct `A device that gets hot` {
    @Test func `raises an alert when its average has been above the limit for long enough`() {
        let outcome = device((0, 60), (30, 60)).when(reading(61.25), at: after(60))
        let text = "The average of the last 3 temperatures is 60.4 °C, and has been above 50.0 °C for 60 s."
        outcome.then(
            Reaction(
                decisions: [
                    .overheated(
                        Overheating.DeviceOverheated(
                            alert: alert(), average: 181.25 / 3, limit: 50, sinceTime: .noon))
                ],
                commands: [
                    .alert(
                        id: "overheating-d1-1",
                        .raise(
                            AlertRaised(
                                account: .default, device: "d1", kind: "overheating", severity: .critical,
                                title: "d1 is overheating", text: text)))
                ],
                notifications: [
                    Workflows.Notification(
                        account: .default, severity: .critical, type: "fleetlog.alert.raised.v1",
                        subject: "device/d1", title: "d1 is overheating", text: text,
                        data: [
                            "alert": "overheating-d1-1", "kind": "overheating", "device": "d1", "average": "60.4",
                            "limit": "50.0",
                        ])
                ]))
    }

    @Test func `is left alone while that has not lasted`() {
        device((0, 60), (30, 60)).when(reading(60), at: after(59)).thenNothing()
    }

    @Test func `is left alone at the limit itself`() {
        device((0, 50), (30, 50)).when(reading(50), at: after(90)).thenNothing()
    }

    @Test func `is left alone when a single reading is hot`() {
        device((0, 20), (30, 20), (60, 90), (90, 20)).when(reading(20), at: after(150)).thenNothing()
    }

    @Test func `is counted anew after its average fell to the limit in between`() {
        device((0, 60), (30, 20), (40, 20), (50, 90)).when(reading(90), at: after(90)).thenNothing()
    }

    @Test func `raises no second alert`() {
        hot.when(reading(99), at: after(90)).thenNothing()
    }

    @Test func `is judged by the settings as they are at the reading`() {
        let patient = device((0, 60), (30, 60))
        patient.and(settings: AccountSettings(overheating: .init(limit: 70, n: 3, seconds: 60)))
            .when(reading(60), at: after(60)).thenNothing()
        let quick = patient.and(settings: AccountSettings(overheating: .init(limit: 50, n: 3, seconds: 40)))
        #expect(quick.when(reading(60), at: after(40)).reaction.decisions.count == 1)
    }

    @Test func `has its average over as many readings as the account wants now`() {
        let one = AccountSettings(overheating: .init(limit: 50, n: 1, seconds: 60))
        let five = AccountSettings(overheating: .init(limit: 50, n: 5, seconds: 60))
        let spec = device((0, 10), (1, 20), (2, 30)).and(settings: one).and(reading(40), at: after(3))
        #expect(spec.state.average == 40)
        let wider = spec.and(settings: five).and(reading(50), at: after(4))
        #expect(wider.state.average == 45)
    }
}

@Suite struct `A device that has overheated` {
    @Test func `keeps its alert while it is not well below the limit`() {
        hot.and(reading(40), at: after(90)).when(reading(36), at: after(100)).thenNothing()
    }

    @Test func `has its alert cleared at the lower mark, once`() {
        let outcome = hot.and(reading(40), at: after(90)).when(reading(35), at: after(100))
        outcome.then(
            Reaction(
                decisions: [.cooledDown(Overheating.DeviceCooledDown(average: 45))],
                commands: [
                    .alert(
                        id: "overheating-d1-1",
                        .clear(reason: "The average of the last 3 temperatures is 45.0 °C."))
                ],
                notifications: [
                    Workflows.Notification(
                        account: .default, severity: .info, type: "fleetlog.alert.cleared.v1", subject: "device/d1",
                        title: "d1 has cooled down", text: "The average of the last 3 temperatures is 45.0 °C.",
                        data: [
                            "alert": "overheating-d1-1", "kind": "overheating", "device": "d1", "average": "45.0",
                        ])
                ]))
        outcome.next.when(reading(20), at: after(110)).thenNothing()
    }

    @Test func `gets a new alert when it happens again`() {
        let cooled = hot.and(reading(1), reading(1), reading(1), at: after(90))
        let again = cooled.and(reading(200), at: after(100)).when(reading(200), at: after(160))
        guard case .overheated(let fact) = again.reaction.decisions.first else {
            Issue.record("no second alert")
            return
        }
        #expect(fact.alert == alert(2))
    }

    @Test(arguments: [
        (Device.Event.retired(DeviceRetired(reason: "broken")), "The device was retired."),
        (Device.Event.quarantined(DeviceQuarantined(reason: "odd")), "The device was quarantined."),
        (.assigned(DeviceAssigned(account: AccountID("other"))), "The device was moved to another account."),
    ])
    func `has its alert cleared when it goes`(_ event: Device.Event, _ reason: String) {
        let outcome = hot.when(.device(event), at: after(70))
        outcome.thenDecisions(.released(Overheating.OverheatingReleased(reason: reason)))
            .thenCommands(.alert(id: "overheating-d1-1", .clear(reason: reason)))
        #expect(outcome.next.state.window.isEmpty)
        outcome.next.when(.device(event), at: after(71)).thenNothing()
    }
}

@Suite struct `Overheating looks at temperatures` {
    @Test(arguments: [MetricValue.text("99"), .flag(true), .null, .number(1e308), .number(-300)])
    func `and ignores what is none`(_ value: MetricValue) {
        let spec = device((0, 60))
        let outcome = spec.when(reading(value), at: after(90))
        outcome.thenNothing()
        #expect(outcome.next.state == spec.state)
    }

    @Test func `and ignores other metrics and other streams`() {
        let humidity = FleetEvent.device(
            .telemetryRecorded(TelemetryRecorded(metrics: ["humidity": .number(99)], clock: .device)))
        device((0, 60)).when(humidity, at: after(90)).thenNothing()
        #expect(Overheating.key(for: StreamName(category: "device", id: "a-b")) == "a-b")
        #expect(Overheating.key(for: StreamName(category: "workflow", id: "overheating-a")) == nil)
    }

    @Test func `in the order of observed time, and drops what is older than the window`() {
        let spec = device((10, 1), (20, 2), (30, 3))
        #expect(spec.and(reading(6), at: after(25), recordedAt: after(40)).state.average == 11.0 / 3)
        #expect(spec.and(reading(900), at: after(5), recordedAt: after(40)).state == spec.state)
    }

    @Test func `and does not believe a time that lies ahead`() {
        let ahead = Spec.given(settings: settings)
            .and(reading(60), at: .noon + .seconds(1_000_000), recordedAt: after(0))
        ahead.when(reading(60), at: .noon + .seconds(2_000_000), recordedAt: after(59)).thenNothing()
        #expect(ahead.and(reading(20), at: after(30)).state.average == 40)
    }
}

@Suite struct `The rolling average` {
    private static func event(_ number: Int, _ random: inout SplitMix) -> WorkflowEvent {
        WorkflowEvent(
            id: UUID128(high: 0, low: UInt64(number)), position: Int64(number),
            stream: StreamName(category: "device", id: "d1"),
            // Few distinct times, so that some readings share theirs.
            observedTime: .noon + .seconds(Int.random(in: 0..<20, using: &random)), recordedTime: after(100),
            account: .default, content: reading(Double.random(in: -40...90, using: &random)),
            terms: AccountTerms(settings: settings))
    }

    private static func folded(_ events: [WorkflowEvent]) -> Overheating.State {
        var state = Overheating.initial
        for event in events { Overheating.observe(event, in: &state) }
        return state
    }

    @Test(arguments: 0..<200)
    func `is that of the sorted readings, however they come and however often`(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let events = (1...Int.random(in: 1...12, using: &random)).map { Self.event($0, &random) }
        let sorted = Self.folded(events.sorted { ($0.observedTime, $0.position) < ($1.observedTime, $1.position) })
        let arrived = Self.folded((events + events.shuffled(using: &random)).shuffled(using: &random))
        #expect(arrived.window == sorted.window)
        #expect(arrived.average == sorted.average)
        #expect(sorted.window.count == min(3, events.count))
    }

    @Test(arguments: 0..<50)
    func `leads to the same decisions when each event is delivered twice`(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let events = (1...60).map { number in
            var event = Self.event(number, &random)
            event.observedTime = after(number * 10)
            event.recordedTime = after(number * 10)
            event.content = reading(Double.random(in: 30...70, using: &random))
            return event
        }
        func decisions(_ events: [WorkflowEvent]) -> [Overheating.Decision] {
            var state = Overheating.initial
            return events.flatMap { event in
                Overheating.observe(event, in: &state)
                let decisions = Overheating.react(to: .event(event), in: state).decisions
                for decision in decisions { Overheating.evolve(&state, with: decision) }
                return decisions
            }
        }
        #expect(decisions(events.flatMap { [$0, $0] }) == decisions(events))
    }

    @Test func `survives being stored`() throws {
        let state = hot.state
        let stored = try JSONEncoder().encode(state)
        #expect(try JSONDecoder().decode(Overheating.State.self, from: stored) == state)
    }
}

@Suite struct `The id of a device's alert` {
    @Test func `fits into the name of a stream however long the device's id is`() {
        let long = String(repeating: "x", count: 190)
        let ids = [long, long + "y", "d1"].map {
            DeviceAlert(kind: "overheating", device: $0, number: .max, account: .default).id
        }
        #expect(Set(ids).count == 3)
        for id in ids { #expect(StreamName("alert-\(id)") != nil) }
        #expect(ids[2] == "overheating-d1-\(Int.max)")
    }
}
