import Aggregates
import Runtime

/// All instances of one workflow, its type erased. Lives within the runner's actor.
protocol InstanceTable: AnyObject {
    var name: String { get }
    var eventTypes: Set<String> { get }
    var count: Int { get }
    var stoppedCount: Int { get }

    /// Puts a stored state into memory; false if this program cannot read it.
    func restore(_ row: StateRow) -> Bool
    func restoreStopped(_ key: String, streams: [StreamName])

    /// Shows an event to the instance that it concerns.
    func take(_ event: RoutedEvent, _ mode: TakeMode, _ step: StepRecord, dirty: inout DirtyInstances)
    /// Fires a timer, unless its instance is stopped: the timer waits then.
    func fire(
        _ timer: TimerKey, due: Timestamp, at now: Timestamp, terms: (SeenEvent) -> AccountTerms,
        _ step: StepRecord)

    /// Takes a decision of the instance from the log, while its state is folded anew.
    func apply(_ decision: RecordedEvent, to key: String) throws(InstancePoison)
    /// Begins the instance anew, as if it had seen nothing.
    func begin(_ key: String, streams: [StreamName])
    func stop(_ failure: FailureRow, _ step: StepRecord)
    func streams(of key: String) -> [StreamName]
    func row(of key: String) throws(InstancePoison) -> StateRow?
    /// The instance's state is stored.
    func saved(_ key: String)
}

enum TakeMode {
    /// The events up to this position were reacted to before: only the state is rebuilt.
    case observe(upTo: Int64)
    case react
}

/// An event that some workflow wants, decoded once for all of them.
struct RoutedEvent {
    let recorded: RecordedEvent
    let content: Result<WorkflowEvent, EventCodecError>
}

/// Instances whose state in memory is newer than the stored one, in the order in which they became so.
struct DirtyInstances {
    private struct Entry {
        let instance: any DirtyInstance
        let since: Int64
    }
    private var queue: [Entry] = []
    private var head = 0

    mutating func append(_ instance: any DirtyInstance, since position: Int64) {
        queue.append(Entry(instance: instance, since: position))
    }

    /// The first event that is not contained in some stored state.
    mutating func oldest() -> Int64? {
        skipClean()
        return head < queue.count ? queue[head].since : nil
    }

    /// Takes instances that have been dirty since `position` or longer.
    mutating func take(_ limit: Int, since position: Int64) -> [any DirtyInstance] {
        var taken: [any DirtyInstance] = []
        while taken.count < limit {
            skipClean()
            guard head < queue.count, queue[head].since <= position else { break }
            taken.append(queue[head].instance)
            head += 1
        }
        return taken
    }

    private mutating func skipClean() {
        while head < queue.count, queue[head].instance.dirtySince != queue[head].since { head += 1 }
        if head > 65_536, head > queue.count / 2 {
            queue.removeFirst(head)
            head = 0
        }
    }
}

protocol DirtyInstance: AnyObject {
    var instanceKey: InstanceKey { get }
    /// The position of the first event that the stored state lacks; nil if it lacks none.
    var dirtySince: Int64? { get }
}
