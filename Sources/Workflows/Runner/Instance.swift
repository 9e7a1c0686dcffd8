import Foundation
import Runtime

/// One instance of a workflow in memory.
final class Instance<W: Workflow>: DirtyInstance {
    struct Memory {
        var state: W.State
        /// Nil before the first event.
        var seen: SeenEvent?
        /// The version of the instance's own stream.
        var version: Int64
    }

    let key: String
    var memory: Memory
    var streams: [StreamName]
    var dirtySince: Int64?

    init(key: String, state: W.State, seen: SeenEvent? = nil, version: Int64 = 0, streams: [StreamName]) {
        self.key = key
        self.streams = streams
        memory = Memory(state: state, seen: seen, version: version)
    }

    var seen: SeenEvent? { memory.seen }
    var instanceKey: InstanceKey { InstanceKey(workflow: W.name, key: key) }

    /// Nil if it has seen nothing.
    func row() throws(InstancePoison) -> StateRow? {
        guard let seen = memory.seen else { return nil }
        do {
            return StateRow(
                workflow: W.name, key: key, seen: seen, version: memory.version, stateVersion: W.stateVersion,
                state: Array(try JSONEncoder.workflows.encode(memory.state)), streams: streams)
        } catch {
            throw InstancePoison(reason: "the state cannot be encoded: \(error)")
        }
    }
}
