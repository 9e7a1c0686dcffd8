internal import CLinux
import Glibc
import Synchronization

/// One thread that waits for descriptors and timers and, between them, runs the jobs of the actors that live on it.
///
/// A C library that wants to be used from one thread gets an actor whose executor this is. Crossing to the
/// thread costs 5 to 17 µs if it sleeps, so jobs that gather meanwhile run in one go, and the bell rings once.
/// It lives until `shutdown()` or `end()`; whoever makes it must end it.
package final class PollThread: SerialExecutor {
    private let name: String
    private let epoll: Int32
    private let bell: Int32
    private let state = Mutex(State())
    private let ended = ThreadEnd()

    private struct State {
        var phase = Phase.running
        var thread: pthread_t?
        var asleepUntil: ContinuousClock.Instant??
        var work: [Work] = []
        var watches: [Int32: Watch] = [:]
        var watchCount: UInt32 = 0
        var timers = Timers()

        /// Whether the thread sleeps and must be woken; says so once only.
        mutating func takeWake() -> Bool {
            guard asleepUntil != nil else { return false }
            asleepUntil = nil
            return true
        }
    }

    /// A job that comes after the end gets a thread for as long as there are jobs, because an actor
    /// must never be left waiting.
    private enum Phase { case running, stopping, ended }

    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private struct Watch {
        let token: WatchToken
        let handler: @Sendable (Readiness?) -> Void
    }

    /// - Throws: when the system has no descriptor or thread left.
    package init(name: String) throws(SystemCallFailed) {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemCallFailed(call: "epoll_create1", code: errno) }
        bell = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard bell >= 0 else {
            let code = errno
            Glibc.close(epoll)
            throw SystemCallFailed(call: "eventfd", code: code)
        }
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: Self.bellMark))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &event) == 0 else {
            throw SystemCallFailed(call: "epoll_ctl", code: errno)
        }
        guard SystemThread.start(name: name, { self.loop() }) else {
            throw SystemCallFailed(call: "pthread_create", code: EAGAIN)
        }
    }

    deinit {
        if bell >= 0 { Glibc.close(bell) }
        if epoll >= 0 { Glibc.close(epoll) }
    }

    /// Ends the thread after the jobs at hand; every watch and wait is told so.
    package func shutdown() {
        let wake = state.withLock { state in
            if state.phase == .running { state.phase = .stopping }
            return state.takeWake()
        }
        if wake { ring() }
    }

    /// Shuts the thread down, and returns when all that it was given before is done.
    package func end() async {
        shutdown()
        await ended.wait()
    }

    /// Ends the thread after `body`, which uses it.
    package func lend<Value, Failure: Error>(
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        do throws(Failure) {
            let value = try await body()
            await end()
            return value
        } catch {
            await end()
            throw error
        }
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        append(.job(UnownedJob(job)))
    }

    /// Runs `call` on the thread, in order with the jobs.
    package func perform(_ call: @escaping @Sendable () -> Void) {
        append(.call(call))
    }

    package func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not on the poll thread")
    }

    package func isIsolatingCurrentContext() -> Bool? {
        state.withLock { state in
            guard let thread = state.thread else { return false }
            return pthread_equal(thread, pthread_self()) != 0
        }
    }

    private func append(_ work: Work) {
        enum Next { case nothing, ring, startThread }
        let next: Next = state.withLock { state in
            state.work.append(work)
            if state.phase == .ended {
                state.phase = .stopping
                return .startThread
            }
            return state.takeWake() ? .ring : .nothing
        }
        switch next {
        case .nothing: break
        case .ring: ring()
        case .startThread:
            let started = SystemThread.start(name: name) { self.loop() }
            precondition(started, "no thread left for the jobs of a poll thread")
        }
    }

    // MARK: Timers

    /// Calls `handler` on the thread once `deadline` has passed; never, if the thread is shut down before.
    package func schedule(at deadline: ContinuousClock.Instant, _ handler: @escaping @Sendable () -> Void) -> TimerID {
        let (id, wake) = state.withLock { state in
            let id = state.timers.schedule(at: deadline, handler)
            guard case .some(let until) = state.asleepUntil, until.map({ deadline < $0 }) ?? true else {
                return (id, false)
            }
            return (id, state.takeWake())
        }
        if wake { ring() }
        return id
    }

    package func cancel(_ timer: TimerID) {
        state.withLock { $0.timers.cancel(timer) }
    }

    // MARK: Descriptors

    /// Calls `handler` on the thread whenever `descriptor` is ready, until `unwatch`; with nil, once, at shutdown.
    ///
    /// One watch a descriptor; nil if the thread is shut down or the descriptor cannot be polled.
    package func watch(
        _ descriptor: Int32, for interest: Readiness, _ handler: @escaping @Sendable (Readiness?) -> Void
    ) -> WatchToken? {
        state.withLock { state in
            guard state.phase == .running, state.watches[descriptor] == nil else { return nil }
            state.watchCount &+= 1
            let token = WatchToken(descriptor: descriptor, number: state.watchCount)
            guard control(EPOLL_CTL_ADD, token, interest) else { return nil }
            state.watches[descriptor] = Watch(token: token, handler: handler)
            return token
        }
    }

    package func change(_ token: WatchToken, to interest: Readiness) {
        state.withLock { state in
            guard state.watches[token.descriptor]?.token == token else { return }
            _ = control(EPOLL_CTL_MOD, token, interest)
        }
    }

    /// To be called before the descriptor is closed.
    package func unwatch(_ token: WatchToken) {
        state.withLock { state in
            guard state.watches[token.descriptor]?.token == token else { return }
            _ = control(EPOLL_CTL_DEL, token, [])
            state.watches[token.descriptor] = nil
        }
    }

    private func control(_ operation: Int32, _ token: WatchToken, _ interest: Readiness) -> Bool {
        var event = epoll_event(events: interest.epollEvents, data: epoll_data_t(u64: token.mark))
        return epoll_ctl(epoll, operation, token.descriptor, &event) == 0
    }

    // MARK: The thread

    private func loop() {
        state.withLock { $0.thread = pthread_self() }
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var work: [Work] = []
        while true {
            work.removeAll(keepingCapacity: true)
            state.withLock { swap(&$0.work, &work) }
            for item in work {
                switch item {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .call(let call): call()
                }
            }
            runDueTimers()
            guard let patience = patience() else { return }
            let count = epoll_wait(epoll, &events, Int32(events.count), patience)
            state.withLock { $0.asleepUntil = nil }
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
        }
    }

    private func runDueTimers() {
        let due = state.withLock { state in
            state.timers.next == nil ? [] : state.timers.takeDue(at: .now)
        }
        for handler in due { handler() }
    }

    /// How many milliseconds the thread may sleep, -1 for ever; nil when it is over.
    private func patience() -> Int32? {
        enum Next {
            case sleep(Int32)
            case tell([Watch])
            case end
        }
        let next: Next = state.withLock { state in
            guard state.work.isEmpty else { return .sleep(0) }
            if state.phase == .stopping {
                if !state.watches.isEmpty {
                    let watches = Array(state.watches.values)
                    for watch in watches { _ = control(EPOLL_CTL_DEL, watch.token, []) }
                    state.watches = [:]
                    return .tell(watches)
                }
                state.phase = .ended
                state.thread = nil
                return .end
            }
            state.asleepUntil = .some(state.timers.next)
            guard let deadline = state.timers.next else { return .sleep(-1) }
            let milliseconds = (deadline - .now) / .milliseconds(1)
            return .sleep(Int32(max(0, min(milliseconds.rounded(.up), 3_600_000))))
        }
        switch next {
        case .sleep(let milliseconds): return milliseconds
        case .end:
            ended.reach()
            return nil
        case .tell(let watches):
            for watch in watches { watch.handler(nil) }
            return 0
        }
    }

    private func dispatch(_ event: epoll_event) {
        if event.data.u64 == Self.bellMark {
            var rings: UInt64 = 0
            _ = read(bell, &rings, 8)
            return
        }
        let token = WatchToken(mark: event.data.u64)
        let handler = state.withLock { state in
            state.watches[token.descriptor].flatMap { $0.token == token ? $0.handler : nil }
        }
        handler?(Readiness(epollEvents: event.events))
    }

    private static let bellMark = UInt64.max

    private func ring() {
        var one: UInt64 = 1
        _ = write(bell, &one, 8)
    }
}
