import Glibc
import Runtime
import Synchronization
import Testing

private actor Counter {
    let thread: PollThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private(set) var count = 0

    init(on thread: PollThread) { self.thread = thread }

    func increment() { count += 1 }
    func isOnThread() -> Bool { thread.isIsolatingCurrentContext() == true }
}

@Suite struct `A poll thread` {
    @Test func `runs the jobs of its actors, one after another`() async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let counter = Counter(on: thread)
        await withDiscardingTaskGroup { group in
            for _ in 0..<1_000 { group.addTask { await counter.increment() } }
        }
        #expect(await counter.count == 1_000)
        #expect(await counter.isOnThread())
        #expect(thread.isIsolatingCurrentContext() == false)
    }

    @Test func `still runs jobs that come after it was shut down`() async throws {
        let thread = try PollThread(name: "test")
        let counter = Counter(on: thread)
        await counter.increment()
        thread.shutdown()
        for _ in 0..<100 { await counter.increment() }
        #expect(await counter.count == 101)
    }

    @Test func `has done all that it was given when its end is awaited`() async throws {
        let thread = try PollThread(name: "test")
        let done = Atomic(0)
        for _ in 0..<100 {
            thread.perform {
                usleep(100)
                done.add(1, ordering: .relaxed)
            }
        }
        await thread.end()
        #expect(done.load(ordering: .relaxed) == 100)
        await thread.end()
    }

    @Test func `says when a descriptor is ready`() async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        try await withPipe { reading, writing in
            async let ready = thread.readiness(of: reading, for: .read)
            let writable = try await thread.readiness(of: writing, for: .write)
            #expect(writable == .write)
            #expect(write(writing, "x", 1) == 1)
            let readable = try await ready
            #expect(readable == .read)
        }
    }

    @Test func `gives up a wait at its deadline, when cancelled, and at shutdown`() async throws {
        let thread = try PollThread(name: "test")
        try await withPipe { reading, _ in
            await #expect(throws: PollThread.WaitFailure.timedOut) {
                try await thread.readiness(of: reading, for: .read, deadline: .now + .milliseconds(5))
            }
            let cancelled = Task { try await thread.readiness(of: reading, for: .read) }
            cancelled.cancel()
            await #expect(throws: PollThread.WaitFailure.cancelled) { try await cancelled.value }
            let stopped = Task { try await thread.readiness(of: reading, for: .read) }
            thread.shutdown()
            let failure = await #expect(throws: PollThread.WaitFailure.self) { try await stopped.value }
            #expect(failure == .shutDown || failure == .refused)
        }
    }

    @Test func `fires timers in the order of their deadlines, without those called off`() async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let (fired, fire) = AsyncStream<Int>.makeStream()
        // On the thread itself, which fires none of them before it has them all.
        thread.perform {
            let start = ContinuousClock.now
            var timers: [TimerID] = []
            for number in (0..<200).reversed() {
                timers.append(
                    thread.schedule(at: start + .microseconds(number * 100)) {
                        fire.yield(number)
                        if number == 198 { fire.finish() }
                    })
            }
            for (index, timer) in timers.enumerated() where (199 - index) % 2 == 1 { thread.cancel(timer) }
        }
        #expect(await fired.reduce(into: []) { $0.append($1) } == stride(from: 0, to: 200, by: 2).map { $0 })
    }

    private func withPipe(_ body: (Int32, Int32) async throws -> Void) async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try await body(ends[0], ends[1])
    }
}
