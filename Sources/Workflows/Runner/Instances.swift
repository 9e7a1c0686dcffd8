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
                let cause = InputCause(event.recorded, content)
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

    func fire(
        _ timer: TimerKey, due: Timestamp, at now: Timestamp, terms: (SeenEvent) -> AccountTerms,
        _ step: StepRecord
    ) {
        guard stopped[timer.key] == nil else { return }
        step.elapse(timer)
        // A timer whose instance is gone has nobody to wake.
        guard let instance = instances[timer.key], let seen = instance.seen else { return }
        let elapsed = ElapsedTimer(
            name: timer.name, dueTime: due, firedTime: max(due, now), account: seen.account, terms: terms(seen))
        let reaction = W.react(to: .timer(elapsed), in: instance.memory.state)
        if reaction.isEmpty { return }
        let cause = InputCause(elapsed, seen: seen)
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

    /// Everything is encoded before anything is handed over: an input has all of its outputs or none.
    private func carryOut(
        _ reaction: Reaction<W.Decision>, of instance: Instance<W>, _ cause: InputCause, _ step: StepRecord
    ) throws(InstancePoison) {
        let key = instance.instanceKey
        guard let stream = StreamName("workflow-\(W.name)-\(instance.key)") else {
            throw InstancePoison(reason: "the key is not fit for a stream's name")
        }
        let outputs = try EncodedReaction(reaction, of: W.self, key: instance.key, because: cause)
        if !outputs.events.isEmpty {
            let expectedVersion = instance.memory.version
            for decision in reaction.decisions { W.evolve(&instance.memory.state, with: decision) }
            instance.memory.version += Int64(outputs.events.count)
            if let row = try instance.row() { step.save(row, of: key) }
            step.add(outputs.events, to: stream, of: key, at: expectedVersion)
            instance.dirtySince = nil
        }
        step.commands += outputs.commands
        step.notifications += outputs.notifications
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

extension SeenEvent {
    init(_ event: RecordedEvent) {
        self.init(
            position: event.position, id: event.id, correlation: event.metadata.correlationID,
            account: event.metadata.account)
    }
}
