import Logging
import Synchronization

/// One connection to Postgres. It lives on a poll thread, speaks the pipeline protocol, and serves callers in the
/// order they came: a later caller's statements may be sent before the earlier one's results are back.
package actor PostgresConnection {
    package nonisolated let thread: PollThread
    let logger: Logger

    var wire: Wire?
    var pipeline = Pipeline()
    var watch: WatchToken?
    var wantsWrite = false
    var cancelHandle: CancelHandle?
    /// What has arrived of the copies that were asked for.
    var copies: [Pipeline.ID: CopiedRows] = [:]
    /// What copies are to take in.
    var rowsToCopy: [Pipeline.ID: [UInt8]] = [:]
    private var conversations: Pipeline.ID = 0
    private var callers: [Pipeline.ID: Caller] = [:]

    package nonisolated let notifications: AsyncStream<PostgresNotification>
    private let notify: AsyncStream<PostgresNotification>.Continuation
    private let condition = Atomic(Condition.busy)
    private let serverProcess = Atomic<Int32>(0)
    private let onLoss: @Sendable (PostgresConnection) -> Void

    enum Condition: UInt8, AtomicRepresentable { case idle, busy, inTransaction, lost }

    private struct Caller {
        let continuation: CheckedContinuation<Result<[Rows], PostgresError>, Never>
        let timer: TimerID?
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(on thread: PollThread, logger: Logger, onLoss: @escaping @Sendable (PostgresConnection) -> Void) {
        self.thread = thread
        self.logger = logger
        self.onLoss = onLoss
        (notifications, notify) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1_024))
    }

    deinit {
        if let watch { thread.unwatch(watch) }  // before the wire closes its socket
        notify.finish()
    }

    /// False once the connection broke or was closed; it does not come back.
    package nonisolated var isUsable: Bool { condition.load(ordering: .acquiring) != .lost }
    /// Whether it is usable, with nothing under way and no transaction open.
    package nonisolated var isIdle: Bool { condition.load(ordering: .acquiring) == .idle }
    /// Whether it is usable, with nothing under way, and a transaction is open.
    package nonisolated var isInTransaction: Bool { condition.load(ordering: .acquiring) == .inTransaction }
    /// The id of the server process behind the connection.
    package nonisolated var backendPID: Int32 { serverProcess.load(ordering: .relaxed) }

    // MARK: Asking

    /// Sends all statements in one round trip, as one transaction unless they say otherwise, and returns their rows.
    ///
    /// The first failure is thrown with its place and name, and the statements after it do not run.
    /// A batch with a commit is never cancelled nor timed out; `uncancellable` asks the same for any other.
    /// - Parameter timeout: counts from the call; the statement is then cancelled and `timedOut` thrown.
    package func run(
        _ statements: [BoundStatement], timeout: Duration? = nil, uncancellable: Bool = false
    ) async throws(PostgresError) -> [Rows] {
        guard !statements.isEmpty else { return [] }
        let commits = statements.contains { $0.statement.effect == .commits }
        return try await converse(
            .batch(statements), as: newConversation(), timeout: timeout, uncancellable: uncancellable || commits)
    }

    /// Runs one statement; like `run` in all else.
    package func query(
        _ statement: BoundStatement, timeout: Duration? = nil, uncancellable: Bool = false
    ) async throws(PostgresError) -> Rows {
        try await run([statement], timeout: timeout, uncancellable: uncancellable).first ?? .none
    }

    /// Runs a text of several statements without parameters, such as a migration. What a script commits by itself stays
    /// committed, whatever error comes after.
    package func runScript(_ sql: String, timeout: Duration? = nil) async throws(PostgresError) {
        _ = try await converse(.script(sql), as: newConversation(), timeout: timeout, uncancellable: false)
    }

    /// Asks for what others NOTIFY on `channel`; it arrives at `notifications`, the newest 1,024 unread ones.
    package func listen(_ channel: String) async throws(PostgresError) {
        let quoted = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        _ = try await query(Statement.unprepared("listen", "listen \"\(quoted)\"", effect: .reads)())
    }

    /// Stops what the server works on for this connection, unless that must not be cancelled.
    package func cancel() {
        guard let running = pipeline.running else { return }
        giveUp(running, .cancelled)
    }

    /// Ends the connection; whoever still waits for an answer gets an error.
    package func close() {
        end(.closed)
    }

    func newConversation() -> Pipeline.ID {
        conversations += 1
        return conversations
    }

    func converse(
        _ content: Pipeline.Conversation.Content, as id: Pipeline.ID, timeout: Duration?, uncancellable: Bool
    ) async throws(PostgresError) -> [Rows] {
        if Task.isCancelled && !uncancellable { throw .cancelled }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var timer: TimerID?
                if let timeout, !uncancellable {
                    timer = thread.schedule(at: .now + timeout) { [weak self] in
                        self?.assumeIsolated { $0.giveUp(id, .timedOut) }
                    }
                }
                callers[id] = Caller(continuation: continuation, timer: timer)
                pipeline.submit(.init(id: id, content: content, uncancellable: uncancellable))
                performActions()
            }
        } onCancel: {
            thread.perform { [weak self] in self?.assumeIsolated { $0.giveUp(id, .cancelled) } }
        }
        return try result.get()
    }

    // MARK: Doing what the pipeline says

    func performActions() {
        while let action = pipeline.nextAction() {
            switch action {
            case .send(let conversation, let plan): send(conversation, plan)
            case .answer(let id, let result): answer(id, result)
            case .requestCancel: requestCancel()
            case .abandon(let reason): lose(reason)
            }
        }
        noteCondition()
    }

    private func noteCondition() {
        guard let inTransaction = wire?.isInTransaction else { return }
        let now: Condition = !pipeline.isIdle ? .busy : inTransaction ? .inTransaction : .idle
        condition.store(now, ordering: .releasing)
    }

    private func answer(_ id: Pipeline.ID, _ result: Result<[Rows], PostgresError>) {
        guard let caller = callers.removeValue(forKey: id) else { return }
        if let timer = caller.timer { thread.cancel(timer) }
        noteCondition()  // the caller may give the connection back at once
        caller.continuation.resume(returning: result)
    }

    func deliverNotifications() {
        while let notification = wire?.nextNotification() { notify.yield(notification) }
    }

    func opened() {
        serverProcess.store(wire?.backendPID ?? 0, ordering: .relaxed)
        noteCondition()
    }

    /// The connection broke by itself.
    func lose(_ reason: String) {
        guard wire != nil else { return }
        logger.warning(
            "Lost the connection to Postgres", metadata: ["reason": "\(reason)", "backend": "\(backendPID)"])
        end(.connectionLost(outcomeUnknown: false))
        onLoss(self)
    }

    private func end(_ reason: PostgresError) {
        condition.store(.lost, ordering: .releasing)
        if let watch { thread.unwatch(watch) }
        watch = nil
        wire = nil
        notify.finish()
        pipeline.lose(reason)
        performActions()
    }

    // MARK: Giving up

    private static let patience = Duration.seconds(10)

    func giveUp(_ id: Pipeline.ID, _ abort: Pipeline.Abort) {
        pipeline.giveUp(id, abort)
        performActions()
        if callers[id] != nil { expectEnd(of: id) }
    }

    /// A server that does not even answer a cancel request is gone.
    private func expectEnd(of id: Pipeline.ID) {
        _ = thread.schedule(at: .now + Self.patience) { [weak self] in
            self?.assumeIsolated { connection in
                guard connection.callers[id] != nil else { return }
                guard connection.pipeline.isDoomed(id) else { return }
                if connection.pipeline.running == id {
                    connection.lose("no answer to a request to cancel")
                } else {
                    connection.expectEnd(of: id)
                }
            }
        }
    }

    private func requestCancel() {
        let started = cancelHandle.map { handle in
            SystemThread.start(name: "cancel") { [thread, weak self] in
                handle.cancel()
                thread.perform { [weak self] in self?.assumeIsolated { $0.cancelDelivered() } }
            }
        }
        if started != true { cancelDelivered() }
    }

    private func cancelDelivered() {
        let runsStill = pipeline.cancelDelivered()
        performActions()
        guard runsStill else { return }
        // The request came between two statements, or before the first: ask again.
        _ = thread.schedule(at: .now + .milliseconds(100)) { [weak self] in
            self?.assumeIsolated { connection in
                connection.pipeline.cancelIfDoomed()
                connection.performActions()
            }
        }
    }
}
