package import Runtime

/// A workflow that a runner hosts, its type erased.
package struct WorkflowHost: Sendable {
    package let name: String
    /// Reads a decision, as a check that this program can.
    package let decode: @Sendable (RecordedEvent) throws(EventCodecError) -> Void
    let makeTable: @Sendable () -> any InstanceTable

    package init<W: Workflow>(_ workflow: W.Type) {
        name = W.name
        decode = { event throws(EventCodecError) in _ = try W.codec.decode(event) }
        makeTable = { Instances<W>() }
    }
}
