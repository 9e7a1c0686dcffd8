package import Logging
package import Runtime
import ServiceLifecycle

extension LeaseRole {
    /// Who runs the workflows.
    package static let workflows = LeaseRole("workflows", key: 0x666C_6565_7477_6F72)
}

/// Brings events and timers to workflows and records what follows; one server at a time.
///
/// Whoever has the role begins a generation, reads the instances into memory and follows the log, step by step. Beside
/// it the outbox is drained, and each command rests on the same generation.
package struct WorkflowRunner: Service {
    private let context: RunnerContext
    private let dispatch: CommandDispatch
    private let lease: any Lease
    private let server: String
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - runner: the name under which checkpoint and generations are kept.
    ///   - feed: where events are read as they come; the store itself if nil.
    ///   - lease: see ``PostgresLease`` with the role ``LeaseRole/workflows``.
    ///   - observe: is told what happens, in order, and may hold the runner up.
    package init(
        _ hosts: [WorkflowHost], runner: String = "workflows", store: any EventStore, feed: (any LogSource)? = nil,
        pool: PostgresPool, dispatch: CommandDispatch, lease: any Lease, server: String, logger: Logger,
        pace: RunnerPace = RunnerPace(),
        now: @escaping @Sendable () -> Timestamp = { .now() },
        observe: @escaping @Sendable (RunnerHappening) async -> Void = { _ in }
    ) {
        context = RunnerContext(
            runner: runner, hosts: hosts, store: store, feed: feed, pool: pool, pace: pace, outbox: LogSignal(),
            metrics: RunnerMetrics(), logger: logger, observe: observe)
        self.dispatch = dispatch
        self.lease = lease
        self.server = server
        self.now = now
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await lease.lead { await lead() }
                await context.observe(.following)
            }
        }
    }

    private func lead() async {
        await context.observe(.leading)
        context.logger.info("This server runs the workflows")
        let fence: StreamVersion
        do {
            fence = try await begin()
        } catch {
            await report(error)
            // The role is asked for again at once.
            try? await Task.sleep(for: .seconds(1))
            return
        }
        let drain = OutboxDrain(context: context, dispatch: dispatch, fence: fence)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await drain.runUntilFenced() }
            group.addTask { await followUntilFenced(fence) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Begins a generation: whoever had the role before can write nothing from now on.
    func begin() async throws(RunnerEnd) -> StreamVersion {
        let generation = RunnerGeneration(store: context.store, runner: context.runner, server: server)
        return try await context.patiently { try await generation.begin(at: now()) }
    }

    /// One term, its instances in memory; for tests, which step it themselves.
    func term(_ fence: StreamVersion, carefulUpTo: Int64 = 0) async throws(RunnerEnd) -> RunnerTerm {
        let term = unloadedTerm(fence, carefulUpTo: carefulUpTo)
        try await term.load()
        await context.observe(.began(generation: fence.version, position: await term.position))
        return term
    }

    func unloadedTerm(_ fence: StreamVersion, carefulUpTo: Int64 = 0) -> RunnerTerm {
        RunnerTerm(context, fence: fence, carefulUpTo: carefulUpTo)
    }

    /// Empties the outbox as far as it can be; for tests.
    func drain(_ fence: StreamVersion) -> OutboxDrain {
        OutboxDrain(context: context, dispatch: dispatch, fence: fence)
    }

    private func followUntilFenced(_ fence: StreamVersion) async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        var refusal: Refusal?
        while !Task.isCancelled {
            do throws(RunnerEnd) {
                let careful = refusal.map { $0.isCertain ? 0 : $0.position } ?? 0
                let term = try await term(fence, carefulUpTo: careful)
                if let known = refusal, known.isCertain { try await term.stop(known.instances, because: known.reason) }
                refusal = nil
                try await follow(term) { backoff.reset() }
            } catch {
                switch error {
                case .fenced, .cancelled:
                    await report(error)
                    return
                case .refused(let refused):
                    refusal = refused
                    await report(error)
                case .broken:
                    await report(error)
                    if (try? await Task.sleep(for: backoff.next())) == nil { return }
                }
            }
        }
    }

    private func follow(_ term: RunnerTerm, _ progressed: () -> Void) async throws(RunnerEnd) {
        while true {
            if Task.isCancelled { throw .cancelled }
            let start = await term.position
            if try await term.step(at: now()) {
                progressed()
                // Events and timers that come singly are cheaper together.
                if await term.position - start < Int64(context.pace.pageSize / 4) {
                    try? await Task.sleep(for: context.pace.gathering)
                }
            } else {
                let (position, idleTime) = (await term.position, await term.idleTime(at: now()))
                await (context.feed ?? context.store).signal.wait(past: position, atMost: idleTime)
            }
        }
    }

    private func report(_ end: RunnerEnd) async {
        switch end {
        case .cancelled: break
        case .fenced:
            context.logger.warning("Another server has taken over the workflows")
            await context.observe(.fenced)
        case .refused(let refusal):
            context.logger.error("The log refused a step of the workflows", metadata: ["reason": "\(refusal.reason)"])
        case .broken(let reason):
            context.logger.error("Workflows cannot go on", metadata: ["reason": "\(reason)"])
        }
    }
}
