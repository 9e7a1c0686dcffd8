import Aggregates
import Logging
import Runtime

/// One server's term as the runner: the instances in memory, from taking over until another server does.
///
/// One loop calls it, so that an instance sees events and timers in one order. Memory runs ahead of the database within
/// a step only; whatever goes wrong there ends the term, and the next one reads everything anew.
actor RunnerTerm {
    let context: RunnerContext
    nonisolated let fence: StreamVersion
    let tables: [any InstanceTable]
    let tableByName: [String: any InstanceTable]
    private let tablesByType: [String: [any InstanceTable]]
    var settings = SettingsHistory()
    var dirty = DirtyInstances()
    /// Reacted to in memory, up to here.
    var position: Int64 = 0
    /// Reacted to in the database, up to here.
    var storedPosition: Int64 = 0
    private var storedTime = Timestamp(microseconds: .min)
    private var lookedAroundTime = Timestamp(microseconds: .min)
    /// No timer is due before this.
    private var nextDue = Timestamp(microseconds: .min)
    /// Up to here events are taken one by one, since a step with many was refused.
    let carefulUpTo: Int64

    init(_ context: RunnerContext, fence: StreamVersion, carefulUpTo: Int64 = 0) {
        self.context = context
        self.fence = fence
        self.carefulUpTo = carefulUpTo
        let tables = context.hosts.map { $0.makeTable() }
        self.tables = tables
        tableByName = Dictionary(tables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var byType: [String: [any InstanceTable]] = [:]
        for table in tables {
            for type in table.eventTypes { byType[type, default: []].append(table) }
        }
        tablesByType = byType
    }

    /// How long nothing is to be done unless the log grows.
    func idleTime(at now: Timestamp) -> Duration {
        max(.zero, min(context.pace.pollInterval, nextDue - now))
    }

    /// Takes the next page of the log and the timers that are due, in the order of their times, and records what
    /// follows. False if nothing was there to do.
    ///
    /// While the log is behind, time is the time of its events: a timer does not elapse before the instance has seen
    /// what was recorded until then.
    func step(at now: Timestamp) async throws(RunnerEnd) -> Bool {
        try await lookAround(at: now)
        let isCareful = position < carefulUpTo
        let limit = isCareful ? 1 : context.pace.pageSize
        let start = position
        // Only the store can say that nothing is missing up to now, and only timers need to know.
        let feed = context.feed.flatMap { nextDue > now || $0.signal.position - start >= Int64(limit) ? $0 : nil }
        let source: any LogSource = feed ?? context.store
        let page = try await context.patiently {
            try await source.readLog(after: start, where: .everything, limit: limit)
        }
        let isFull = page.events.count == limit
        let isBehind = isFull || feed != nil
        let time = isBehind ? page.events.last?.recordedTime ?? Timestamp(microseconds: .min) : now
        let step = StepRecord(due: DueTimers(horizon: time))
        var cutoff = Timestamp(microseconds: .max)
        if nextDue <= time { try await findTimers(dueBy: time, isCareful ? 1 : context.pace.timerLimit, step, &cutoff) }

        var taken = 0
        for event in page.events {
            guard event.recordedTime <= cutoff, fire(dueBy: event.recordedTime, at: now, step) else { break }
            take(event, .react, step)
            position = event.position
            taken += 1
        }
        if fire(dueBy: min(time, cutoff), at: now, step), taken == page.events.count { position = page.end }
        context.metrics.took(events: taken, tether: context.store.signal.position - position)
        try await conclude(step, events: taken, at: now, recordedTime: page.events.last?.recordedTime ?? now)
        return taken > 0 || step.fired > 0
    }

    /// Routes an event to the instances that it concerns; one that nobody wants is not decoded.
    func take(_ event: RecordedEvent, _ mode: TakeMode, _ step: StepRecord, after start: [String: Int64]? = nil) {
        if SettingsHistory.eventTypes.contains(event.type) { foldSettings(event) }
        guard let tables = tablesByType[event.type], let routed = routed(event) else { return }
        for table in tables where event.position > start?[table.name] ?? 0 {
            table.take(routed, mode, step, dirty: &dirty)
        }
    }

    /// Nil for an event that belongs to no aggregate.
    func routed(_ event: RecordedEvent) -> RoutedEvent? {
        do throws(EventCodecError) {
            guard let content = try FleetEvent(event) else { return nil }
            let account = event.metadata.account
            return RoutedEvent(
                recorded: event,
                content: .success(
                    WorkflowEvent(
                        id: event.id, position: event.position, stream: event.stream,
                        observedTime: event.observedTime, recordedTime: event.recordedTime, account: account,
                        content: content, terms: settings.terms(of: account, at: event.position))))
        } catch {
            return RoutedEvent(recorded: event, content: .failure(error))
        }
    }

    func foldSettings(_ event: RecordedEvent) {
        do throws(EventCodecError) {
            try settings.fold(event)
        } catch {
            context.logger.error(
                "Settings cannot be read; the ones before stay",
                metadata: ["position": "\(event.position)", "account": "\(event.metadata.account)"])
        }
    }

    // MARK: Timers

    private func findTimers(
        dueBy time: Timestamp, _ limit: Int, _ step: StepRecord, _ cutoff: inout Timestamp
    ) async throws(RunnerEnd) {
        let names = PostgresValue.textArray(tables.map(\.name))
        let results = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.run([
                    RunnerStatements.dueTimers(.timestamp(time), .int8(Int64(limit)), names),
                    RunnerStatements.nextTimer(.timestamp(time), names),
                ])
            }
        }
        let found = try await context.patiently {
            try results[0].map { row in
                let timer = TimerKey(workflow: try row.text(0), key: try row.text(1), name: try row.text(2))
                return (timer: timer, due: try row.timestamp(3))
            }
        }
        if found.count == limit, let last = found.last {
            // What comes later than these must wait, or it would be seen before a timer that is due earlier.
            cutoff = last.due
            nextDue = last.due
        } else {
            let next = try await context.patiently { try results[1].first?.timestamp(0) }
            nextDue = next ?? Timestamp(microseconds: .max)
        }
        Failpoint.reached(.timerDue, if: !found.isEmpty)
        step.due = DueTimers(found, horizon: min(time, cutoff))
    }

    /// False if there are more than one step should take.
    private func fire(dueBy time: Timestamp, at now: Timestamp, _ step: StepRecord) -> Bool {
        while step.fired < context.pace.timerLimit * 4 {
            guard let (timer, due) = step.due.next(by: time) else { return true }
            tableByName[timer.workflow]?.fire(
                timer, due: due, at: now,
                terms: { [settings] seen in settings.terms(of: seen.account, at: .max) }, step)
            context.metrics.fired(after: now - due)
        }
        nextDue = Timestamp(microseconds: .min)
        return false
    }

    // MARK: Recording

    private func conclude(
        _ step: StepRecord, events: Int, at now: Timestamp, recordedTime: Timestamp
    ) async throws(RunnerEnd) {
        for case (_, let due?) in step.timers { nextDue = min(nextDue, due) }
        let isDue =
            position - storedPosition >= context.pace.checkpointEvents
            || position > storedPosition && hasPassed(context.pace.checkpointInterval, since: storedTime, at: now)
        if !step.isEmpty || isDue {
            var summary = RunnerStep(position: position)
            summary.events = events
            try await record(step, summary, recordedTime)
            storedTime = now
        }
        try await storeOldStates(recordedTime)
    }

    /// Stores some of the states that are far ahead of their rows, so that the next term has less to fold.
    private func storeOldStates(_ recordedTime: Timestamp) async throws(RunnerEnd) {
        let old = dirty.take(context.pace.stateSlice, since: position - context.pace.foldWindow)
        if old.isEmpty { return }
        let step = StepRecord()
        for instance in old { store(instance.instanceKey, step) }
        try await record(step, RunnerStep(position: position), recordedTime)
    }

    /// Puts the instance's state as it is now into the step.
    func store(_ instance: InstanceKey, _ step: StepRecord) {
        guard let table = tableByName[instance.workflow] else { return }
        do throws(InstancePoison) {
            guard let row = try table.row(of: instance.key) else { return }
            step.save(row, of: instance)
            table.saved(instance.key)
        } catch {
            // Everything that it has seen was reacted to.
            table.stop(
                FailureRow(
                    workflow: instance.workflow, key: instance.key, position: position + 1, reason: error.reason,
                    streams: table.streams(of: instance.key)), step)
        }
    }

    // MARK: Requests

    /// A clock that was set back says nothing about how long it has been; waiting for it to catch up could take hours.
    private func hasPassed(_ interval: Duration, since time: Timestamp, at now: Timestamp) -> Bool {
        now < time || now - time >= interval
    }

    /// Looks at what nobody tells the runner of: requests from other servers, and timers, should one have been missed.
    private func lookAround(at now: Timestamp) async throws(RunnerEnd) {
        guard hasPassed(context.pace.pollInterval, since: lookedAroundTime, at: now) else { return }
        lookedAroundTime = now
        nextDue = Timestamp(microseconds: .min)
        let retries = try await context.patiently {
            try await self.context.pool.withConnection { connection in
                try await connection.query(RunnerStatements.retries(), timeout: .seconds(10)).map { try FailureRow($0) }
            }
        }
        for failure in retries { try await retry(failure) }
        for table in tables { context.metrics.stopped(table.stoppedCount, of: table.name) }
    }
}
