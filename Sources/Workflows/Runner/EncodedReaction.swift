import Aggregates
import Foundation
import Runtime

/// The input that outputs follow from.
struct InputCause {
    let output: OutputCause
    /// The event; for a timer the newest one that the instance has observed, so that the log tells when it elapsed.
    let id: UUID128
    let correlation: UUID128?
    let traceParent: String?
    let time: Timestamp
    let account: AccountID
    /// Nil for a timer.
    let event: (id: UUID128, position: Int64)?
    let timer: String?
    /// Everything before it has been reacted to, should the instance stop at this input.
    let failurePosition: Int64

    init(_ event: RecordedEvent, _ content: WorkflowEvent) {
        output = .event(event.id)
        id = event.id
        correlation = event.metadata.correlationID
        traceParent = event.metadata.traceParent
        time = content.recordedTime
        account = content.account
        self.event = (event.id, event.position)
        timer = nil
        failurePosition = event.position
    }

    init(_ timer: ElapsedTimer, seen: SeenEvent) {
        output = .timer(name: timer.name, due: timer.dueTime, seen: seen.position)
        id = seen.id
        correlation = seen.correlation
        traceParent = nil
        time = timer.dueTime
        account = timer.account
        event = nil
        self.timer = timer.name
        failurePosition = seen.position + 1
    }
}

/// What an instance wants done, as it is stored.
struct EncodedReaction {
    let events: [NewEvent]
    let commands: [OutboxRow]
    let notifications: [SideRow]

    init<W: Workflow>(
        _ reaction: Reaction<W.Decision>, of workflow: W.Type, key: String, because cause: InputCause
    ) throws(InstancePoison) {
        func id(_ kind: OutputID.Kind, _ index: Int = 0) -> UUID128 {
            OutputID.make(kind, index, of: W.name, key: key, because: cause.output)
        }
        let metadata = EventMetadata(
            principal: .workflow(W.name), account: cause.account, commandID: id(.step), causationID: cause.id,
            correlationID: cause.correlation, traceParent: cause.traceParent)
        let events = try Self.encoding("a decision", reaction.decisions) { index, decision in
            let encoded = try W.codec.encode(decision)
            return NewEvent(
                id: id(.decision, index), type: encoded.type, schemaVersion: encoded.schemaVersion,
                observedTime: cause.time, data: encoded.data, metadata: metadata)
        }
        if !events.isEmpty {
            let change = StreamChange(StreamName(category: "workflow", id: W.name), expecting: 0, events: events)
            if let reason = Append([change]).malformation {
                throw InstancePoison(reason: "a decision cannot be stored: \(reason)")
            }
        }
        self.events = events
        commands = try Self.encoding("a command", reaction.commands) { index, command in
            OutboxRow(
                id: id(.command, index), workflow: W.name, key: key,
                command: Array(try JSONEncoder.workflows.encode(command)), time: cause.time,
                causation: events.first?.id ?? cause.id, correlation: cause.correlation)
        }
        notifications = try Self.encoding("a notification", reaction.notifications) { index, notification in
            guard notification.isStorable else { throw InstancePoison(reason: "it contains a null character") }
            return try NotificationRecord.sideRow(
                notification, id: id(.notification, index),
                cause: NotificationCause(workflow: W.name, key: key, event: cause.event, timer: cause.timer),
                at: cause.time)
        }
        guard reaction.timers.allSatisfy({ !$0.name.utf8.contains(0) }) else {
            throw InstancePoison(reason: "a timer's name contains a null character")
        }
    }

    private static func encoding<Output, Encoded>(
        _ what: String, _ outputs: [Output], _ encode: (Int, Output) throws -> Encoded
    ) throws(InstancePoison) -> [Encoded] {
        do {
            return try outputs.enumerated().map { try encode($0.offset, $0.element) }
        } catch {
            throw InstancePoison(
                reason: "\(what) cannot be encoded: \((error as? InstancePoison)?.reason ?? "\(error)")")
        }
    }
}

extension TimerChange {
    var name: String {
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
