@testable import Runtime

/// Sends commands, and writes down what comes of them: one after another and again until there is an answer, or many at
/// once and each only once.
struct SimulatedWriter: Sendable {
    private let number: Int
    private let simulation: Simulation
    private var plan: SimulationPlan { simulation.plan }
    private var scheduler: SimulatedScheduler { simulation.scheduler }
    private var record: SimulationRecord { simulation.record }

    init(_ number: Int, in simulation: Simulation) {
        self.number = number
        self.simulation = simulation
    }

    func run() async {
        if scheduler.chance(plan.pipelined) { await pipeline() } else { await insist() }
    }

    // MARK: Commands

    private func operation(on streams: [StreamName]) -> SimulatedOperation {
        let isCursed = streams.count == 1 && scheduler.chance(plan.cursed)
        let changesNothing = scheduler.chance(15)
        let amounts = (0..<scheduler.number(in: 1...plan.events)).map { _ in
            changesNothing ? 0 : scheduler.number(in: -3...6)
        }
        let fence =
            streams.count == 1 && scheduler.chance(plan.fenced)
            ? StreamVersion(Simulation.lease, at: simulation.database.log.version(of: Simulation.lease)) : nil
        let isKeyed = scheduler.chance(plan.keyed)
        return record.add {
            SimulatedOperation(
                number: $0, writer: number, streams: streams,
                command: ScoreCommand(amounts: isCursed ? [] : amounts, isCursed: isCursed), isKeyed: isKeyed,
                fence: fence)
        }
    }

    private func one(of streams: [StreamName]) -> StreamName { streams[scheduler.number(in: 0...streams.count - 1)] }

    // MARK: One after another

    private func insist() async {
        for _ in 0..<plan.commands {
            let operation: SimulatedOperation
            if scheduler.chance(plan.joint) {
                operation = self.operation(on: [one(of: simulation.ownStreams), one(of: simulation.commonStreams)])
            } else {
                operation = self.operation(
                    on: [one(of: scheduler.chance(50) ? simulation.ownStreams : simulation.commonStreams)])
            }
            await settle(operation)
            while scheduler.chance(plan.repeated) { await attempt(operation) }
        }
    }

    /// Tries until there is an answer, or for a while.
    private func settle(_ operation: SimulatedOperation) async {
        for _ in 0..<8 {
            switch await attempt(operation) {
            case .accepted, .refused: return
            case .failed, .unknown: await scheduler.pause(0...20_000)
            }
        }
    }

    @discardableResult
    private func attempt(_ operation: SimulatedOperation) async -> SimulatedAttempt.Outcome {
        let server = simulation.server(scheduler.chance(70) ? number : scheduler.number(in: 0...8))
        let head = simulation.database.log.head
        let outcome: SimulatedAttempt.Outcome
        if operation.isJoint {
            outcome = await send(together: operation, through: server)
        } else {
            let stream = operation.streams[0]
            let results =
                stream.category == OwnScore.category
                ? await server.own.send([(stream.id, [operation.envelope])])
                : await server.common.send([(stream.id, [operation.envelope])])
            outcome = .init(results[0][0])
        }
        return note(outcome, of: operation, from: server, since: head)
    }

    private func send(
        together operation: SimulatedOperation, through server: SimulatedServer
    ) async -> SimulatedAttempt.Outcome {
        let own = server.own.member(operation.streams[0].id)
        let common = server.common.member(operation.streams[1].id)
        do throws(JointError<DispatchError<ScoreRejection>>) {
            let receipt = try await server.joint.perform(operation.joint, with: [own, common]) {
                turn throws(DispatchError<ScoreRejection>) in
                try turn.send(operation.command, to: own, sideRows: [operation.sideRow])
                try turn.send(operation.counterpart, to: common)
            }
            return .accepted(receipt.effect, receipt.receipts)
        } catch {
            return .init(error)
        }
    }

    /// Nobody hears what a dead server says.
    @discardableResult
    private func note(
        _ answer: SimulatedAttempt.Outcome, of operation: SimulatedOperation, from server: SimulatedServer,
        since head: Int64
    ) -> SimulatedAttempt.Outcome {
        let outcome = server.life.isOver ? .unknown : answer
        let end = simulation.database.log.head
        scheduler.note("answered", Int64(operation.number), outcome.code, head, end)
        record.add(
            SimulatedAttempt(
                operation: operation.number, server: server.number, head: head...end, outcome: outcome))
        return outcome
    }

    // MARK: Many at once

    private func pipeline() async {
        let server = simulation.server(number)
        if scheduler.chance(50) {
            await pipeline(to: server.own, simulation.ownStreams, of: server)
        } else {
            await pipeline(to: server.common, simulation.commonStreams, of: server)
        }
        // Those that failed are not sent again: they would come after later ones.
        let accepted = Set(record.attempts.filter(\.outcome.isAccepted).map(\.operation))
        for operation in record.operations where operation.writer == number && accepted.contains(operation.number) {
            if scheduler.chance(plan.repeated) { await attempt(operation) }
        }
    }

    private func pipeline<D: Score>(
        to directory: Directory<D>, _ streams: [StreamName], of server: SimulatedServer
    ) async {
        await withDiscardingTaskGroup { group in
            var left = plan.commands
            while left > 0 {
                var batches: [(id: String, operations: [SimulatedOperation])] = []
                for stream in streams where left > 0 && scheduler.chance(60) {
                    let count = scheduler.number(in: 1...min(left, 3))
                    batches.append((stream.id, (0..<count).map { _ in operation(on: [stream]) }))
                    left -= count
                }
                let head = simulation.database.log.head
                let deliveries = await directory.start(batches.map { ($0.id, $0.operations.map(\.envelope)) })
                group.addTask { [batches] in
                    let results = await deliveries.results
                    for (batch, results) in zip(batches, results) {
                        for (operation, result) in zip(batch.operations, results) {
                            note(.init(result), of: operation, from: server, since: head)
                        }
                    }
                }
                if scheduler.chance(50) { await scheduler.pause(0...3_000) }
            }
        }
    }

    // MARK: At the end

    func probe<D: Score>(_ stream: StreamName, _ server: SimulatedServer, _ directory: Directory<D>) async {
        let operation = record.add {
            SimulatedOperation(
                number: $0, writer: number, streams: [stream], command: ScoreCommand(amounts: [1]), isKeyed: false,
                fence: nil)
        }
        let head = simulation.database.log.head
        let results = await directory.send([(stream.id, [operation.envelope])])
        let outcome = note(.init(results[0][0]), of: operation, from: server, since: head)
        guard case .accepted(.recorded, _) = outcome else {
            return record.note(anomaly: "unwell: after all, \(stream) answers \(outcome)")
        }
        do {
            let latest = try await directory.recallLatest(stream.id)
            record.add("the latest", of: stream, latest, least: simulation.database.log.version(of: stream))
            record.add("at the end", of: stream, try await directory.recall(stream.id))
        } catch {
            record.note(anomaly: "unwell: after all, \(stream) cannot be read: \(error)")
        }
    }
}

extension SimulatedAttempt.Outcome {
    fileprivate var code: Int64 {
        switch self {
        case .accepted(.recorded, _): 1
        case .accepted(.unchanged, _): 2
        case .accepted(.duplicate, _): 3
        case .refused: 4
        case .failed: 5
        case .unknown: 6
        }
    }
}
