import Runtime
import Workflows

/// A server whose one workflow has one stopped instance.
struct OneStoppedWorkflow: WorkflowQueries {
    func workflows() async throws(EventStoreError) -> [WorkflowStatus] {
        [
            WorkflowStatus(
                name: "silence", position: 7, tether: 1, tetherSeconds: 0.5, instances: 3, stopped: 1, timers: 2,
                commands: 0)
        ]
    }

    func stopped(_ workflow: String, limit: Int) async throws(EventStoreError) -> [StoppedInstance] {
        [
            StoppedInstance(
                workflow: workflow, key: "d1", position: 5, reason: "an event cannot be read",
                time: Timestamp(microseconds: 0), isToBeRetried: false)
        ]
    }

    func retry(_ workflow: String, key: String) async throws(EventStoreError) -> Bool {
        workflow == "silence" && key == "d1"
    }
}
