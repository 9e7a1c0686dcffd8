/// A workflow that a runner hosts, its type erased.
package struct WorkflowHost: Sendable {
    package let name: String
    let makeTable: @Sendable () -> any InstanceTable

    package init<W: Workflow>(_ workflow: W.Type) {
        name = W.name
        makeTable = { Instances<W>() }
    }
}
