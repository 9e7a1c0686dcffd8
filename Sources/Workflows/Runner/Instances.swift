import Aggregates
import Foundation
import Runtime

/// The instances of one workflow in memory, and how inputs change them.
final class Instances<W: Workflow>: InstanceTable {
    private var instances: [String: Instance<W>] = [:]
    /// Stopped ones, with the streams that their events come from.
    private var stopped: [String: [StreamName]] = [:]

    var name: String { W.name }
    let eventTypes = W.eventTypes
    var count: Int { instances.count + stopped.count }
    var stoppedCount: Int { stopped.count }

    func restore(_ row: StateRow) -> Bool {
        guard row.stateVersion == W.stateVersion,
            let state = try? JSONDecoder.workflows.decode(W.State.self, from: Data(row.state))
        else { return false }
        stopped[row.key] = nil
        instances[row.key] = Instance(
            key: row.key, state: state, seen: row.seen, version: row.version, streams: row.streams)
        return true
    }

    func restoreStopped(_ key: String, streams: [StreamName]) {
        instances.removeValue(forKey: key)?.dirtySince = nil
        stopped[key] = streams
    }

    func begin(_ key: String, streams: [StreamName]) {
        stopped[key] = nil
        instances[key] = Instance(key: key, state: W.initial, streams: streams)
    }

    // MARK: Inputs

    func take(_ event: RoutedEvent, _ mode: TakeMode, _ step: StepRecord, dirty: inout DirtyInstances) {
        guard let key = W.key(for: event.recorded.stream) else { return }
        if let streams = stopped[key] {
            if !streams.contains(event.recorded.stream) {
                stopped[key] = streams + [event.recorded.stream]
                step.note(event.recorded.stream, of: InstanceKey(workflow: W.name, key: key))
            }
            return
        }
        let instance: Instance<W>
        if let known = instances[key] {
            instance = known
        } else {
            instance = Instance(key: key, state: W.initial, streams: [])
            instances[key] = instance
        }
        guard event.recorded.position > instance.seen?.position ?? 0 else { return }
        if !instance.streams.contains(event.recorded.stream) { instance.streams.append(event.recorded.stream) }
        let content: WorkflowEvent
        do {
            content = try event.content.get()
        } catch {
            let position = if case .observe(let end) = mode { end + 1 } else { event.recorded.position }
            stop(failure(of: instance, at: position, "an event cannot be read: \(error)"), step)
            return
        }
        let before = instance.memory
        W.observe(content, in: &instance.memory.state)
        instance.memory.seen = SeenEvent(event.recorded)
        if case .react = mode {
            let reaction = W.react(to: .event(content), in: instance.memory.state)
            if !reaction.isEmpty {
                let cause = Cause(
                    output: .event(event.recorded.id), id: event.recorded.id,
                    correlation: event.recorded.metadata.correlationID,
                    traceParent: event.recorded.metadata.traceParent, time: content.recordedTime,
                    account: content.account, event: (event.recorded.id, event.recorded.position), timer: nil,
                    failurePosition: event.recorded.position)
                do throws(InstancePoison) {
                    try carryOut(reaction, of: instance, cause, step)
                } catch {
                    instance.memory = before
                    stop(failure(of: instance, at: event.recorded.position, error.reason), step)
                    return
                }
                if !reaction.decisions.isEmpty { return }
            }
        }
        if instance.dirtySince == nil {
            instance.dirtySince = event.recorded.position
            dirty.append(instance, since: event.recorded.position)
        }
    }

    func fire(_ timer: TimerKey, due: Timestamp, settings: (SeenEvent) -> AccountSettings, _ step: StepRecord) {
        guard stopped[timer.key] == nil else { return }
        step.elapse(timer)
        // A timer whose instance is gone has nobody to wake.
        guard let instance = instances[timer.key], let seen = instance.seen else { return }
        let elapsed = ElapsedTimer(name: timer.name, dueTime: due, account: seen.account, settings: settings(seen))
        let reaction = W.react(to: .timer(elapsed), in: instance.memory.state)
        if reaction.isEmpty { return }
        let cause = Cause(
            output: .timer(name: timer.name, due: due, seen: seen.position), id: seen.id,
            correlation: seen.correlation, traceParent: nil, time: due, account: seen.account, event: nil,
            timer: timer.name, failurePosition: seen.position + 1)
        let before = instance.memory
        do throws(InstancePoison) {
            try carryOut(reaction, of: instance, cause, step)
        } catch {
            instance.memory = before
            step.restore(timer, due: due)
            stop(failure(of: instance, at: seen.position + 1, error.reason), step)
        }
    }

    func apply(_ decision: RecordedEvent, to key: String) throws(InstancePoison) {
        guard let instance = instances[key] else { return }
        do throws(EventCodecError) {
            W.evolve(&instance.memory.state, with: try W.codec.decode(decision))
        } catch {
            throw InstancePoison(reason: "a decision cannot be read: \(error)")
        }
        instance.memory.version = decision.version
    }

    func stop(_ failure: FailureRow, _ step: StepRecord) {
        instances.removeValue(forKey: failure.key)?.dirtySince = nil
        stopped[failure.key] = failure.streams
        step.stop(failure, InstanceKey(workflow: W.name, key: failure.key))
    }

    func streams(of key: String) -> [StreamName] { instances[key]?.streams ?? [] }
    func row(of key: String) throws(InstancePoison) -> StateRow? { try instances[key]?.row() }
    func saved(_ key: String) { instances[key]?.dirtySince = nil }

    // MARK: Outputs

    /// The input that outputs follow from.
    private struct Cause {
        let output: OutputCause
        /// The event; for a timer the newest one that the instance has observed, so that the log tells when it elapsed.
        let id: UUID128
        let correlation: UUID128?
        let traceParent: String?
        let time: Timestamp
        let account: AccountID
        let event: (id: UUID128, position: Int64)?
        let timer: String?
        let failurePosition: Int64
    }

    /// Everything is encoded before anything is handed over: an input has all of its outputs or none.
    private func carryOut(
        _ reaction: Reaction<W.Decision>, of instance: Instance<W>, _ cause: Cause, _ step: StepRecord
    ) throws(InstancePoison) {
        let key = InstanceKey(workflow: W.name, key: instance.key)
        func id(_ kind: OutputID.Kind, _ index: Int = 0) -> UUID128 {
            OutputID.make(kind, index, of: W.name, key: instance.key, because: cause.output)
        }
        guard let stream = StreamName("workflow-\(W.name)-\(instance.key)") else {
            throw InstancePoison(reason: "the key is not fit for a stream's name")
        }
        let events = try decisionEvents(reaction.decisions, cause, id: id)
        let causation = events.first?.id ?? cause.id
        let commands = try encoding("a command") {
            try reaction.commands.enumerated().map { index, command in
                OutboxRow(
                    id: id(.command, index), workflow: W.name, key: instance.key,
                    command: Array(try JSONEncoder.workflows.encode(command)), time: cause.time, causation: causation,
                    correlation: cause.correlation)
            }
        }
        let notifications = try encoding("a notification") {
            try reaction.notifications.enumerated().map { index, notification in
                guard notification.isStorable else { throw InstancePoison(reason: "it contains a null character") }
                return try NotificationRecord.sideRow(
                    notification, id: id(.notification, index),
                    cause: NotificationCause(
                        workflow: W.name, key: instance.key, event: cause.event, timer: cause.timer), at: cause.time)
            }
        }
        guard reaction.timers.allSatisfy({ !$0.name.utf8.contains(0) }) else {
            throw InstancePoison(reason: "a timer's name contains a null character")
        }
        let expectedVersion = instance.memory.version
        if !events.isEmpty {
            for decision in reaction.decisions { W.evolve(&instance.memory.state, with: decision) }
            instance.memory.version += Int64(events.count)
            let row = try instance.row()
            if let row { step.save(row, of: key) }
            step.add(events, to: stream, of: key, at: expectedVersion)
            instance.dirtySince = nil
        }
        step.commands += commands
        step.notifications += notifications
        for change in reaction.timers {
            let timer = TimerKey(workflow: W.name, key: instance.key, name: change.name)
            switch change {
            case .set(_, let due): step.set(timer, due: due)
            case .cancel: step.cancel(timer)
            }
        }
        step.produced(
            by: key, otherwise: failure(of: instance, at: cause.failurePosition, "the store refuses what it wants"))
    }

    private func decisionEvents(
        _ decisions: [W.Decision], _ cause: Cause, id: (OutputID.Kind, Int) -> UUID128
    ) throws(InstancePoison) -> [NewEvent] {
        if decisions.isEmpty { return [] }
        let metadata = EventMetadata(
            principal: .workflow(W.name), account: cause.account, commandID: id(.step, 0), causationID: cause.id,
            correlationID: cause.correlation, traceParent: cause.traceParent)
        let events = try encoding("a decision") {
            try decisions.enumerated().map { index, decision in
                let encoded = try W.codec.encode(decision)
                return NewEvent(
                    id: id(.decision, index), type: encoded.type, schemaVersion: encoded.schemaVersion,
                    observedTime: cause.time, data: encoded.data, metadata: metadata)
            }
        }
        let probe = Append([StreamChange(StreamName(category: "workflow", id: W.name), expecting: 0, events: events)])
        if let reason = probe.malformation { throw InstancePoison(reason: "a decision cannot be stored: \(reason)") }
        return events
    }

    private func encoding<Value>(_ what: String, _ body: () throws -> Value) throws(InstancePoison) -> Value {
        do {
            return try body()
        } catch {
            throw InstancePoison(
                reason: "\(what) cannot be encoded: \((error as? InstancePoison)?.reason ?? "\(error)")")
        }
    }

    private func failure(of instance: Instance<W>, at position: Int64, _ reason: String) -> FailureRow {
        FailureRow(
            workflow: W.name, key: instance.key, position: position, reason: String(reason.prefix(1_000)),
            streams: instance.streams)
    }
}

extension Reaction {
    fileprivate var isEmpty: Bool {
        decisions.isEmpty && commands.isEmpty && timers.isEmpty && notifications.isEmpty
    }
}

extension TimerChange {
    fileprivate var name: String {
        switch self {
        case .set(let name, _), .cancel(let name): name
        }
    }
}

extension Notification {
    /// Postgres has no null character in a text.
    fileprivate var isStorable: Bool {
        ([account.rawValue, type, subject, title, text]).allSatisfy { !$0.utf8.contains(0) }
    }
}

extension SeenEvent {
    init(_ event: RecordedEvent) {
        self.init(
            position: event.position, id: event.id, correlation: event.metadata.correlationID,
            account: event.metadata.account)
    }
}
