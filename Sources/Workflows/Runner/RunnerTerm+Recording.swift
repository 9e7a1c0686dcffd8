import Logging
import Runtime

extension RunnerTerm {
    /// Records a step and the checkpoint in one transaction, which does nothing if another server has taken over.
    func record(_ step: StepRecord, _ base: RunnerStep, _ recordedTime: Timestamp) async throws(RunnerEnd) {
        var summary = base
        summary.decisions = step.decisions.reduce(0) { $0 + $1.events.count }
        summary.commands = step.commands.count
        summary.notifications = step.notifications.count
        summary.fired = step.fired
        await context.observe(.decided(summary))
        Failpoint.reached(.workflowDecided, if: summary.decisions > 0)
        if step.decisions.isEmpty {
            try await recordPlainly(step, recordedTime)
        } else {
            try await recordDecisions(step, recordedTime)
        }
        storedPosition = position
        Failpoint.reached(.workflowRecorded, if: summary.decisions > 0)
        Failpoint.reached(.timerFired, if: summary.fired > 0)
        await context.observe(.recorded(summary))
        context.metrics.recorded(summary)
        if !step.commands.isEmpty { context.outbox.advance(to: context.outbox.position + 1) }
        for failure in step.failures.values {
            context.logger.error(
                "A workflow instance is stopped",
                metadata: [
                    "workflow": "\(failure.workflow)", "key": "\(failure.key)", "position": "\(failure.position)",
                    "reason": "\(failure.reason)",
                ])
            await context.observe(
                .stopped(workflow: failure.workflow, key: failure.key, reason: failure.reason))
        }
        for instance in step.recovered {
            await context.observe(.recovered(workflow: instance.workflow, key: instance.key))
        }
    }

    private var generation: Int64 { fence.version }

    private var foldedPosition: Int64 { min(position, dirty.oldest().map { $0 - 1 } ?? position) }

    private var workflows: PostgresValue { .textArray(tables.map(\.name)) }

    private func recordDecisions(_ step: StepRecord, _ recordedTime: Timestamp) async throws(RunnerEnd) {
        let checkpoint = SideRow(
            RunnerStatements.moveWithAppend,
            [
                .text(context.runner), .int8(generation), .int8(position), .timestamp(recordedTime),
                .int8(foldedPosition), workflows,
            ])
        let append = Append(step.decisions, conditions: [fence], sideRows: [checkpoint] + step.sideRows)
        let outcome: AppendOutcome
        do throws(EventStoreError) {
            outcome = try await appendPatiently(append)
        } catch {
            guard case .invalid = error else { throw .cancelled }
            throw refused(step, error.debugDescription)
        }
        guard case .conflict(let moved) = outcome else { return }
        if moved.contains(where: { $0.stream == fence.stream }) { throw .fenced }
        let guilty = moved.compactMap { step.deciders[$0.stream].flatMap { step.producers[$0] } }
        let reason = "its stream does not stand where its state says"
        throw .refused(Refusal(reason: reason, position: position, instances: guilty, isCertain: true))
    }

    private func refused(_ step: StepRecord, _ reason: String) -> RunnerEnd {
        let isCertain = step.producers.count == 1 || position <= carefulUpTo
        return .refused(
            Refusal(
                reason: reason, position: position, instances: Array(step.producers.values), isCertain: isCertain))
    }

    /// - Throws: what the store says about the append itself; everything else is waited out.
    private func appendPatiently(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while true {
            do throws(EventStoreError) {
                return try await context.store.append(append)
            } catch {
                switch error {
                case .invalid, .corrupt, .retained, .closed: throw error
                case .unavailable, .overloaded:
                    if Task.isCancelled { throw .closed }
                    context.logger.warning(
                        "Workflows wait for the log", metadata: ["reason": "\(error.debugDescription)"])
                    do { try await Task.sleep(for: backoff.next()) } catch { throw .closed }
                }
            }
        }
    }

    private func recordPlainly(_ step: StepRecord, _ recordedTime: Timestamp) async throws(RunnerEnd) {
        let move = RunnerStatements.move(
            .text(context.runner), .int8(generation), .int8(storedPosition), .int8(position),
            .timestamp(recordedTime), .int8(foldedPosition), workflows)
        // All in one round trip: a server that stops in the midst of it leaves no transaction open.
        let statements =
            [Statement.begin(), move] + step.sideRows.map { $0.statement.bind([.int4(0)] + $0.parameters) }
            + [Statement.commit()]
        let hasMoved = try await context.patiently {
            do {
                let results = try await self.context.pool.withConnection { try await $0.run(statements) }
                return try results[1].first?.bool(0) == true
            } catch let error as PostgresError where error.isLasting && !step.producers.isEmpty {
                throw self.refused(step, error.debugDescription)
            }
        }
        if hasMoved { return }
        // The answer to an earlier attempt may have been lost.
        let stored = try await checkpoint()
        guard stored.generation == generation, stored.position == position else { throw .fenced }
    }

    struct Checkpoint: Sendable {
        var generation: Int64
        var position: Int64
        var foldedPosition: Int64
        var workflows: Set<String>
    }

    func checkpoint() async throws(RunnerEnd) -> Checkpoint {
        let found = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.query(RunnerStatements.checkpoint(.text(self.context.runner))).first.map { row in
                    Checkpoint(
                        generation: try row.int8(0), position: try row.int8(1), foldedPosition: try row.int8(2),
                        workflows: Set(try row.textArray(3)))
                }
            }
        }
        guard let found else { throw .broken(reason: "the runner has no checkpoint") }
        return found
    }
}

extension StepRecord {
    /// Everything but decisions and checkpoint.
    var sideRows: [SideRow] {
        var rows: [SideRow] = []
        if !states.isEmpty { rows.append(StateRow.saving(Array(states.values))) }
        let set = timers.compactMap { timer, due in due.map { (timer, $0) } }
        if !set.isEmpty {
            rows.append(
                SideRow(
                    RunnerStatements.setTimers,
                    [
                        .textArray(set.map(\.0.workflow)), .textArray(set.map(\.0.key)), .textArray(set.map(\.0.name)),
                        .timestampArray(set.map(\.1)),
                    ]))
        }
        let gone = timers.filter { $0.value == nil }.keys
        if !gone.isEmpty {
            rows.append(
                SideRow(
                    RunnerStatements.removeTimers,
                    [.textArray(gone.map(\.workflow)), .textArray(gone.map(\.key)), .textArray(gone.map(\.name))]))
        }
        if !commands.isEmpty {
            rows.append(
                SideRow(
                    RunnerStatements.putCommands,
                    [
                        .uuidArray(commands.map(\.id)), .textArray(commands.map(\.workflow)),
                        .textArray(commands.map(\.key)), .jsonArray(commands.map(\.command)),
                        .timestampArray(commands.map(\.time)), .uuidArray(commands.map(\.causation)),
                        .nullableUUIDArray(commands.map(\.correlation)),
                    ]))
        }
        rows += notifications
        rows += failures.values.map(\.sideRow)
        rows += recovered.map { SideRow(RunnerStatements.recover, [.text($0.workflow), .text($0.key)]) }
        rows += streams.map { note in
            SideRow(
                RunnerStatements.noteStream,
                [.text(note.instance.workflow), .text(note.instance.key), .text(note.stream.description)])
        }
        return rows
    }
}
