import Support

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// All that happens in one schedule: one job after another on one thread, and the seed chooses which is next.
///
/// Time stands while something is ready, but for a few microseconds a job; otherwise it leaps to the next timer.
final class SimulatedScheduler: Sendable {
    enum Ending: Sendable, Equatable {
        /// Nothing is ready, and no timer is set.
        case quiet
        /// There was no end to it.
        case outOfSteps
    }

    private enum Work {
        case job(UnownedJob)
        case threadJob(UnownedJob, SimulatedThread)
        case call(@Sendable () -> Void)
    }

    private struct Timer {
        var deadline: Int64
        var call: @Sendable () -> Void
    }

    private struct State {
        var random: SeededNumbers
        var microseconds: Int64 = 0
        /// Any of them may be next.
        var ready: [Work] = []
        /// The jobs of one thread come in their order.
        var threads: [(thread: SimulatedThread, jobs: [UnownedJob])] = []
        /// The next one is the last.
        var timers: [Timer] = []
        var trace: UInt64 = 0xcbf2_9ce4_8422_2325
        var nextID: UInt64 = 0

        mutating func mix(_ number: Int64) {
            trace = (trace ^ UInt64(bitPattern: number)) &* 0x0000_0100_0000_01b3
            trace ^= trace >> 29
        }
    }

    /// Instants are differences to this one only.
    private static let origin = ContinuousClock.now

    private let state: Mutex<State>
    private let isTraced: Bool

    init(seed: UInt64, isTraced: Bool = false) {
        state = Mutex(State(random: SeededNumbers(seed)))
        self.isTraced = isTraced
    }

    // MARK: Time and chance

    var now: ContinuousClock.Instant { Self.origin + .microseconds(microseconds) }
    var microseconds: Int64 { state.withLock { $0.microseconds } }

    func number(in range: ClosedRange<Int>) -> Int { state.withLock { Int.random(in: range, using: &$0.random) } }

    func chance(_ percent: Int) -> Bool { percent > 0 && number(in: 1...100) <= percent }

    /// One that nobody else has in this schedule.
    func freshID() -> UUID128 {
        state.withLock { state in
            state.nextID += 1
            return UUID128(high: 0xe7e7, low: state.nextID)
        }
    }

    func call(after delay: Int, _ body: @escaping @Sendable () -> Void) {
        state.withLock { state in
            let timer = Timer(deadline: state.microseconds + Int64(delay), call: body)
            var (low, high) = (0, state.timers.count)
            while low < high {
                let middle = (low + high) / 2
                if state.timers[middle].deadline > timer.deadline { low = middle + 1 } else { high = middle }
            }
            state.timers.insert(timer, at: low)
        }
    }

    func pause(_ microseconds: ClosedRange<Int>) async {
        let delay = number(in: microseconds)
        await withUnsafeContinuation { continuation in call(after: delay) { continuation.resume() } }
    }

    // MARK: Trace

    /// What has happened so far, as a hash: the same for the same seed.
    var trace: UInt64 { state.withLock { $0.trace } }

    func note(_ what: StaticString, _ numbers: Int64...) {
        state.withLock { state in
            state.mix(Int64(what.utf8CodeUnitCount))
            for number in numbers { state.mix(number) }
        }
        if isTraced { print("\(microseconds) \(what) \(numbers.map(String.init).joined(separator: " "))") }
    }

    // MARK: Jobs

    func put(_ job: UnownedJob) { state.withLock { $0.ready.append(.job(job)) } }

    func put(_ job: UnownedJob, on thread: SimulatedThread) {
        state.withLock { state in
            if let index = state.threads.firstIndex(where: { $0.thread === thread }) {
                state.threads[index].jobs.append(job)
            } else {
                state.threads.append((thread, [job]))
            }
        }
    }

    /// Runs on this thread what `body` starts.
    func run(atMost steps: Int, _ body: () -> Void) -> Ending {
        var ending = Ending.outOfSteps
        GlobalExecutorHook.run(under: self) {
            body()
            for _ in 0..<steps {
                guard let work = next() else {
                    ending = .quiet
                    break
                }
                perform(work)
            }
        }
        return ending
    }

    private func next() -> Work? {
        state.withLock { state in
            while let timer = state.timers.last, timer.deadline <= state.microseconds {
                state.ready.append(.call(timer.call))
                state.timers.removeLast()
            }
            let choices = state.ready.count + state.threads.count
            guard choices > 0 else {
                guard let timer = state.timers.popLast() else { return nil }
                state.microseconds = timer.deadline
                return .call(timer.call)
            }
            let choice = Int.random(in: 0..<choices, using: &state.random)
            state.mix(Int64(choices << 16 | choice))
            state.microseconds += Int64.random(in: 0...3, using: &state.random)
            if choice < state.ready.count { return state.ready.remove(at: choice) }
            let index = choice - state.ready.count
            let (thread, jobs) = state.threads[index]
            if jobs.count == 1 { state.threads.remove(at: index) } else { state.threads[index].jobs.removeFirst() }
            return .threadJob(jobs[0], thread)
        }
    }

    private func perform(_ work: Work) {
        switch work {
        case .job(let job): job.runSynchronously(on: Self.generic)
        case .threadJob(let job, let thread): job.runSynchronously(on: thread.asUnownedSerialExecutor())
        case .call(let call): call()
        }
    }

    /// What the runtime takes for "no executor in particular": the identity and the witness table are null.
    private static let generic = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)
}
