import Runtime
import Testing
import Workflows

@Suite("A notification's cause") struct NotificationCauseTests {
    @Test("An event as a cause is known by its id") func equality() {
        let id = UUID128(high: 1, low: 2)
        let cause = NotificationCause(workflow: "silence", key: "d1", event: (id, 7), timer: nil)
        #expect(cause == NotificationCause(workflow: "silence", key: "d1", event: (id, 7), timer: nil))
        #expect(cause != NotificationCause(workflow: "silence", key: "d1", event: nil, timer: "offline"))
    }
}
