import Runtime

/// A timer's name within the whole runner.
struct TimerKey: Sendable, Hashable, Comparable {
    var workflow: String
    var key: String
    var name: String

    static func < (left: Self, right: Self) -> Bool {
        (left.workflow, left.key, left.name) < (right.workflow, right.key, right.name)
    }
}

/// A command on its way into the outbox.
struct OutboxRow: Sendable {
    var id: UUID128
    var workflow: String
    var key: String
    var command: [UInt8]
    var time: Timestamp
    var causation: UUID128
    var correlation: UUID128?
}

/// What one step of the runner leads to; recorded in one transaction.
final class StepRecord {
    /// By the stream that they go to.
    private(set) var decisions: [StreamChange] = []
    private var placeOfStream: [StreamName: Int] = [:]
    /// Whose stream it is.
    private(set) var deciders: [StreamName: InstanceKey] = [:]
    var commands: [OutboxRow] = []
    var notifications: [SideRow] = []
    /// The due time of those that were set, nil for those that are gone.
    private(set) var timers: [TimerKey: Timestamp?] = [:]
    /// States after a decision; exact as of that decision.
    private(set) var states: [InstanceKey: StateRow] = [:]
    private(set) var failures: [InstanceKey: FailureRow] = [:]
    /// Instances that were stopped and go on.
    var recovered: Set<InstanceKey> = []
    /// Instances that put anything in here.
    private(set) var producers: [InstanceKey: FailureRow] = [:]
    /// Streams from which stopped instances have come to get events.
    private(set) var streams: [(instance: InstanceKey, stream: StreamName)] = []
    private(set) var fired = 0
    var due: DueTimers

    init(due: DueTimers = DueTimers()) { self.due = due }

    var isEmpty: Bool {
        decisions.isEmpty && commands.isEmpty && notifications.isEmpty && timers.isEmpty && states.isEmpty
            && failures.isEmpty && recovered.isEmpty && streams.isEmpty
    }

    func add(_ events: [NewEvent], to stream: StreamName, of instance: InstanceKey, at version: Int64) {
        if let place = placeOfStream[stream] {
            decisions[place].events += events
            return
        }
        placeOfStream[stream] = decisions.count
        deciders[stream] = instance
        decisions.append(StreamChange(stream, expecting: version, events: events))
    }

    /// - Parameter failure: what would be noted, should the store refuse what the instance wants.
    func produced(by instance: InstanceKey, otherwise failure: FailureRow) {
        if producers[instance] == nil { producers[instance] = failure }
    }

    func save(_ row: StateRow, of instance: InstanceKey) { states[instance] = row }

    func set(_ timer: TimerKey, due time: Timestamp) {
        timers[timer] = .some(time)
        due.set(timer, due: time)
    }

    func cancel(_ timer: TimerKey) {
        timers[timer] = .some(nil)
        due.cancel(timer)
    }

    func elapse(_ timer: TimerKey) {
        timers[timer] = .some(nil)
        fired += 1
    }

    /// The timer stays as it was when the instance could not handle it.
    func restore(_ timer: TimerKey, due time: Timestamp) { timers[timer] = .some(time) }

    func note(_ stream: StreamName, of instance: InstanceKey) { streams.append((instance, stream)) }

    func stop(_ failure: FailureRow, _ instance: InstanceKey) {
        failures[instance] = failure
        recovered.remove(instance)
    }
}

struct InstanceKey: Sendable, Hashable {
    var workflow: String
    var key: String
}
