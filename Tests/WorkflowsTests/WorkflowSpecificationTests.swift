import Aggregates
import Runtime
import Testing

@testable import Workflows

@Suite struct `A specification of a workflow` {
    private func reading(_ value: Double) -> FleetEvent {
        .device(.telemetryRecorded(TelemetryRecorded(metrics: ["t": .number(value)], clock: .device)))
    }

    @Test func `runs the history through the workflow`() {
        let hot = WorkflowSpecification<Tripwire>.given(reading(20)).when(reading(60), at: .noon + .seconds(5))
        hot.thenDecisions(.raised(.init(count: 2, value: 60)))
            .thenTimers(.set("check", due: .noon + .seconds(15)))
            .thenPending(["check": .noon + .seconds(15)])
        hot.next.when(reading(70), at: .noon + .seconds(6)).thenNothing()
        hot.next.when(timer: "check").thenDecisions(.checked(.init(count: 2, value: 60))).thenPending([:])
        hot.next.when(reading(20), at: .noon + .seconds(6)).thenPending([:])
    }

    @Test func `lets time pass`() {
        let quiet = WorkflowSpecification<Heartbeat>.given(reading(1))
        quiet.and(reading(2), at: .noon + .seconds(50)).and(until: .noon + .seconds(60))
            .when(timer: "silent").thenDecisions(.silent(.init(since: .noon + .seconds(50))))
        quiet.and(until: .noon + .seconds(59)).when(reading(3), at: .noon + .seconds(59)).thenNothing()
    }

    @Test func `goes by the settings given`() {
        WorkflowSpecification<Tripwire>.given(settings: AccountSettings(overheating: .init(limit: 10)))
            .when(reading(20), at: .noon).thenDecisions(.raised(.init(count: 1, value: 20)))
        WorkflowSpecification<Tripwire>.given().and(settings: AccountSettings(overheating: .init(limit: 90)))
            .when(reading(80), at: .noon).thenNothing()
    }
}
