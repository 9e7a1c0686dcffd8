import Logging
import Runtime

extension RunnerTerm {
    /// Takes over, and brings every instance to where the log was last reacted to.
    ///
    /// Stored states are read; what they lack is folded from the log without reacting. A workflow that the runner did
    /// not have before is folded from the beginning of the log.
    func load() async throws(RunnerEnd) {
        let generation = fence.version
        let tookOver = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.query(
                    RunnerStatements.takeOver(.text(self.context.runner), .int8(generation)), timeout: .seconds(30))
            }.affected
        }
        guard tookOver == 1 else { throw .fenced }
        let checkpoint = try await checkpoint()
        position = checkpoint.position
        storedPosition = checkpoint.position
        try await loadSettings()
        let stopped = try await loadFailures()
        let unreadable = try await loadStates(except: stopped)
        let step = StepRecord()
        for row in unreadable { try await foldAnew(row, step) }
        try await foldLog(checkpoint, step)
        if !step.isEmpty { try await record(step, RunnerStep(position: position), .now()) }
    }

    private func loadSettings() async throws(RunnerEnd) {
        var end: Int64 = 0
        while true {
            let start = end
            let page = try await context.patiently {
                try await self.context.store.readLog(
                    after: start, where: LogFilter(category: SettingsHistory.category, scope: .all), limit: 1_000)
            }
            for event in page.events { foldSettings(event) }
            if page.events.count < 1_000 { return }
            end = page.end
        }
    }

    private func loadFailures() async throws(RunnerEnd) -> Set<InstanceKey> {
        let rows = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.query(RunnerStatements.failures()).map { try FailureRow($0) }
            }
        }
        for row in rows { tableByName[row.workflow]?.restoreStopped(row.key, streams: row.streams) }
        return Set(rows.map { InstanceKey(workflow: $0.workflow, key: $0.key) })
    }

    /// Returns the states that this program cannot read.
    private func loadStates(except stopped: Set<InstanceKey>) async throws(RunnerEnd) -> [StateRow] {
        var unreadable: [StateRow] = []
        for table in tables {
            var last = ""
            while true {
                let query = RunnerStatements.states(.text(table.name), .text(last), .int8(5_000))
                let rows = try await context.patiently {
                    try await self.context.pool.withConnection { connection in
                        try await connection.query(query).map { try StateRow($0) }
                    }
                }
                for row in rows where !stopped.contains(InstanceKey(workflow: row.workflow, key: row.key)) {
                    if !table.restore(row) { unreadable.append(row) }
                }
                guard let end = rows.last else { break }
                last = end.key
            }
        }
        return unreadable
    }

    private func foldLog(_ checkpoint: Checkpoint, _ step: StepRecord) async throws(RunnerEnd) {
        var start: [String: Int64] = [:]
        for table in tables {
            start[table.name] = checkpoint.workflows.contains(table.name) ? checkpoint.foldedPosition : 0
        }
        var end = start.values.min() ?? position
        try await context.patiently {
            let position = self.position
            try await self.context.store.streamLog(after: end, through: position, category: nil) { page in
                for event in page.events { self.take(event, .observe(upTo: position), step, after: start) }
                end = page.end
            }
        }
    }

    // MARK: One instance

    /// Rebuilds an instance whose stored state cannot be read, from the beginning of its own streams.
    private func foldAnew(_ row: StateRow, _ step: StepRecord) async throws(RunnerEnd) {
        guard let table = tableByName[row.workflow] else { return }
        context.logger.notice(
            "A workflow state is folded anew", metadata: ["workflow": "\(row.workflow)", "key": "\(row.key)"])
        table.begin(row.key, streams: row.streams)
        let key = InstanceKey(workflow: row.workflow, key: row.key)
        try await replay(key, streams: row.streams, after: 0, reactingFrom: position + 1, decisions: true, step)
        if step.failures[key] == nil { store(key, step) }
    }

    /// Stops instances whose outputs the store has refused.
    func stop(_ failures: [FailureRow], because reason: String) async throws(RunnerEnd) {
        let step = StepRecord()
        for var failure in failures {
            failure.reason = String("\(failure.reason): \(reason)".prefix(1_000))
            tableByName[failure.workflow]?.stop(failure, step)
        }
        try await record(step, RunnerStep(position: position), .now())
    }

    /// Takes a stopped instance up again where it stopped.
    func retry(_ failure: FailureRow) async throws(RunnerEnd) {
        guard let table = tableByName[failure.workflow] else { return }
        let key = InstanceKey(workflow: failure.workflow, key: failure.key)
        let row = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.query(RunnerStatements.state(.text(key.workflow), .text(key.key))).first.map {
                    try StateRow($0)
                }
            }
        }
        let streams = failure.streams + (row?.streams ?? []).filter { !failure.streams.contains($0) }
        let step = StepRecord()
        step.recovered.insert(key)
        let isRestored = row.map(table.restore) ?? false
        if !isRestored { table.begin(key.key, streams: streams) }
        let start = isRestored ? row?.seen.position ?? 0 : 0
        try await replay(
            key, streams: streams, after: start, reactingFrom: failure.position, decisions: !isRestored, step)
        if step.failures[key] == nil { store(key, step) }
        try await record(step, RunnerStep(position: position), .now())
    }

    /// Shows an instance the events of its streams up to the runner's position.
    ///
    /// - Parameter decisions: whether its decisions are to be applied as well. Each follows the event that is its
    ///   cause, or that was the newest when its timer elapsed.
    private func replay(
        _ key: InstanceKey, streams: [StreamName], after start: Int64, reactingFrom first: Int64, decisions: Bool,
        _ step: StepRecord
    ) async throws(RunnerEnd) {
        guard let table = tableByName[key.workflow] else { return }
        var decided: [UUID128: [RecordedEvent]] = [:]
        if decisions { decided = try await decisionsByCause(of: key) }
        var merge = StreamMerge(of: streams, context, after: start, upTo: position)
        while step.failures[key] == nil, let event = try await merge.next() {
            guard table.eventTypes.contains(event.type), let routed = routed(event) else { continue }
            table.take(routed, event.position < first ? .observe(upTo: first - 1) : .react, step, dirty: &dirty)
            for decision in decided.removeValue(forKey: event.id) ?? [] where step.failures[key] == nil {
                do throws(InstancePoison) {
                    try table.apply(decision, to: key.key)
                } catch {
                    stop(table, key, error.reason, at: first, streams, step)
                }
            }
        }
        if !decided.isEmpty, step.failures[key] == nil {
            stop(table, key, "the cause of a decision is not in the log", at: first, streams, step)
        }
    }

    private func stop(
        _ table: any InstanceTable, _ key: InstanceKey, _ reason: String, at position: Int64, _ streams: [StreamName],
        _ step: StepRecord
    ) {
        table.stop(
            FailureRow(
                workflow: key.workflow, key: key.key, position: position, reason: reason, streams: streams), step)
    }

    private func decisionsByCause(of key: InstanceKey) async throws(RunnerEnd) -> [UUID128: [RecordedEvent]] {
        guard let stream = StreamName("workflow-\(key.workflow)-\(key.key)") else { return [:] }
        var decided: [UUID128: [RecordedEvent]] = [:]
        var version: Int64 = 0
        while true {
            let start = version + 1
            let page = try await context.patiently {
                try await self.context.store.readStream(stream, from: start, limit: 1_000)
            }
            for event in page {
                decided[event.metadata.causationID ?? event.id, default: []].append(event)
                version = event.version
            }
            if page.count < 1_000 { return decided }
        }
    }
}
