import Foundation
import Logging
import Runtime

/// Sends the commands of the outbox to their aggregates: in order for each aggregate, at least once, each under an id
/// by which it is taken once. The order lasts as long as the aggregate can be reached; what waits for one holds up no
/// other.
actor OutboxDrain {
    private struct Pending {
        let number: Int64
        let workflow: String
        let key: String
        let target: String
        let command: OutboundCommand<OutgoingCommand>
    }

    private struct Blocked {
        var until: ContinuousClock.Instant
        var backoff: Backoff
    }

    private static let pageSize: Int64 = 500
    private let context: RunnerContext
    private let dispatch: CommandDispatch
    private let fence: StreamVersion
    /// Aggregates that could not be reached.
    private var blocked: [String: Blocked] = [:]

    init(context: RunnerContext, dispatch: CommandDispatch, fence: StreamVersion) {
        self.context = context
        self.dispatch = dispatch
        self.fence = fence
    }

    func runUntilFenced() async {
        while !Task.isCancelled {
            let heard = context.outbox.position
            do throws(RunnerEnd) {
                try await drain()
            } catch {
                if case .broken(let reason) = error {
                    context.logger.error("The outbox cannot be read", metadata: ["reason": "\(reason)"])
                } else {
                    return
                }
            }
            let next = blocked.values.map(\.until).min().map { max(.zero, $0 - .now) } ?? context.pace.pollInterval
            await context.outbox.wait(past: heard, atMost: min(next, context.pace.pollInterval))
        }
    }

    /// Goes through the outbox once.
    func drain() async throws(RunnerEnd) {
        var last: Int64 = 0
        while true {
            let query = OutboxStatements.page(.int8(last), .int8(Self.pageSize))
            let rows = try await context.patiently {
                try await self.context.pool.withConnection { try await $0.query(query) }
            }
            var page: [Pending] = []
            for row in rows {
                let number = try await context.patiently { try row.int8(0) }
                last = number
                if let pending = try await pending(row, number), !isBlocked(pending.target) { page.append(pending) }
            }
            if !page.isEmpty { try await send(page) }
            if rows.count < Self.pageSize { return }
        }
    }

    private func isBlocked(_ target: String) -> Bool {
        guard let known = blocked[target] else { return false }
        return known.until > .now
    }

    private func send(_ page: [Pending]) async throws(RunnerEnd) {
        await context.observe(.sending(page.map(\.command.id)))
        let verdicts = await dispatch.send(page.map(\.command))
        var ended: [Pending] = []
        var unreachable: Set<String> = []
        for (pending, verdict) in zip(page, verdicts) {
            switch verdict {
            case .fenced: throw .fenced
            case .unavailable(let reason):
                // Only the first of an aggregate's commands tells; the others were behind it.
                if unreachable.insert(pending.target).inserted { block(pending.target, reason) }
                context.metrics.sent("unavailable", 1)
            case .invalid(let reason):
                context.metrics.sent("invalid", 1)
                try await giveUp(pending.number, reason)
            case .rejected(let reason):
                context.logger.notice(
                    "A workflow's command was rejected",
                    metadata: [
                        "workflow": "\(pending.workflow)", "key": "\(pending.key)", "target": "\(pending.target)",
                        "command": "\(pending.command.id)", "reason": "\(reason)",
                    ])
                ended.append(pending)
                context.metrics.sent("rejected", 1)
            case .accepted, .unchanged, .duplicate:
                if verdict == .accepted { AnomalyCount.note(pending.command.command) }
                ended.append(pending)
                context.metrics.sent("\(verdict)", 1)
            }
        }
        for pending in ended where !unreachable.contains(pending.target) { blocked[pending.target] = nil }
        if ended.isEmpty { return }
        Failpoint.reached(.commandSent)
        await context.observe(.sent(ended.map(\.command.id)))
        let remove = OutboxStatements.remove(.int8Array(ended.map(\.number)))
        _ = try await context.patiently {
            try await self.context.pool.withConnection { try await $0.query(remove) }.affected
        }
        Failpoint.reached(.commandMarked)
        await context.observe(.marked(ended.map(\.command.id)))
    }

    private func block(_ target: String, _ reason: String) {
        context.logger.warning(
            "An aggregate cannot be reached by workflows", metadata: ["target": "\(target)", "reason": "\(reason)"])
        var known =
            blocked[target] ?? Blocked(until: .now, backoff: Backoff(first: .milliseconds(50), limit: .seconds(10)))
        known.until = .now + known.backoff.next()
        blocked[target] = known
    }

    private func giveUp(_ number: Int64, _ reason: String) async throws(RunnerEnd) {
        context.logger.error(
            "A workflow's command can never be sent", metadata: ["number": "\(number)", "reason": "\(reason)"])
        let fail = OutboxStatements.fail(.int8(number), .text(String(reason.prefix(1_000))))
        _ = try await context.patiently {
            try await self.context.pool.withConnection { try await $0.query(fail) }.affected
        }
    }

    /// Nil if this program cannot read it; it then stays where it can be seen.
    private func pending(_ row: Row, _ number: Int64) async throws(RunnerEnd) -> Pending? {
        do {
            let command = try JSONDecoder.workflows.decode(OutgoingCommand.self, from: Data(try row.bytes(4)))
            let workflow = try row.text(2)
            let target =
                switch command {
                case .alert(let id, _): "alert-\(id)"
                case .rollout(let id, _): "rollout-\(id)"
                case .silence(let id, _), .commandTimeout(let id, _): "device-\(id)"
                }
            return Pending(
                number: number, workflow: workflow, key: try row.text(3), target: target,
                command: OutboundCommand(
                    id: try row.uuid(1), command: command,
                    context: CommandContext(
                        time: try row.timestamp(5), principal: .workflow(workflow), scope: .all,
                        causationID: try row.uuid(6), correlationID: try row.uuid(ifPresent: 7)),
                    fence: fence))
        } catch {
            try await giveUp(number, "it cannot be read: \(error)")
            return nil
        }
    }
}
