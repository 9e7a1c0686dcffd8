import Runtime
import Support
import Synchronization
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct `The recorder of reads` {
    private static func read(_ subject: String?, of account: String = "default", by who: String = "ada") -> PersonalRead
    {
        PersonalRead(by: .user(who), of: AccountID(account), .device, subject: subject)
    }

    private func events(_ store: some EventStore, _ account: String = "default") async throws -> [RecordedEvent] {
        try await store.readStream(try #require(StreamName("access-\(account)")), from: 1, limit: 1_000)
    }

    @Test func `makes one event of many reads by the same person of the same thing within the window`() async throws {
        let (store, clock) = (InMemoryEventStore(), Ticks())
        let recorder = ReadRecorder(store: store, now: { clock.now })
        for _ in 0..<500 { try await recorder.record([Self.read("device-a")], in: .init(time: .now())) }
        #expect(try await events(store).count == 1)
        try await recorder.record([Self.read("device-b")], in: .init(time: .now()))
        try await recorder.record([Self.read("device-a", by: "bo")], in: .init(time: .now()))
        #expect(try await events(store).count == 3)
        clock.advance(by: .seconds(3_599))
        try await recorder.record([Self.read("device-a")], in: .init(time: .now()))
        #expect(try await events(store).count == 3)
        clock.advance(by: .seconds(1))
        try await recorder.record([Self.read("device-a")], in: .init(time: .now()))
        #expect(try await events(store).count == 4)
    }

    @Test func `makes one event of reads that come at once, and few appends of many`() async throws {
        let store = GatedStore()
        let recorder = ReadRecorder(store: store)
        let asked = Tally()
        store.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    asked.add()
                    try await recorder.record([Self.read("device-\(number % 40)")], in: .init(time: .now()))
                }
            }
            // All wait behind the first, or are about to.
            try await eventually { asked.count == 400 && store.heldAppends > 0 }
            store.release()
            try await group.waitForAll()
        }
        #expect(try await events(store).count == 40)
        #expect(store.appends < 20)
    }

    @Test func `goes on where another server has written`() async throws {
        let store = InMemoryEventStore()
        let (own, other) = (ReadRecorder(store: store), ReadRecorder(store: store))
        try await own.record([Self.read("device-a")], in: .init(time: .now()))
        try await other.record([Self.read("device-a"), Self.read(nil, of: "north")], in: .init(time: .now()))
        try await own.record([Self.read("device-b"), Self.read(nil, of: "north")], in: .init(time: .now()))
        #expect(try await events(store).count == 3)
        #expect(try await events(store, "north").count == 2)
    }

    @Test func `forgets rather than grow, and then records once more, never too little`() async throws {
        let store = InMemoryEventStore()
        let recorder = ReadRecorder(store: store, capacity: 8)
        for round in 1...3 {
            for number in 0..<20 {
                try await recorder.record([Self.read("device-\(number)")], in: .init(time: .now()))
            }
            let subjects = try await events(store).map { try AccessStreams.codec.decode($0).subject }
            #expect(Set(subjects).count == 20 && subjects.count <= 20 * round)
        }
    }

    @Test func `keeps no more reads in mind than there is room for`() {
        var memory = ReadMemory(window: .seconds(60), capacity: 8)
        let start = ContinuousClock.now
        for number in 0..<100 {
            let (read, time) = (Self.read("device-\(number)"), start + .seconds(number))
            memory.keep(read, at: time)
            #expect(memory.count <= 8 && memory.holds(read, at: time))
        }
    }

    @Test func `takes nothing for recorded that the log has refused`() async throws {
        let store = RefusingStore()
        let recorder = ReadRecorder(store: store)
        store.refuse(with: .overloaded)
        await #expect(throws: EventStoreError.overloaded) {
            try await recorder.record([Self.read("device-a")], in: .init(time: .now()))
        }
        store.refuse(with: nil)
        try await recorder.record([Self.read("device-a")], in: .init(time: .now()))
        #expect(try await events(store).count == 1)
    }
}

/// How often something was begun.
private final class Tally: Sendable {
    private let calls = Atomic(0)

    var count: Int { calls.load(ordering: .relaxed) }

    func add() { calls.add(1, ordering: .relaxed) }
}

/// A clock that stands still until it is told otherwise.
private final class Ticks: Sendable {
    private let instant = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { instant.withLock { $0 } }

    func advance(by duration: Duration) { instant.withLock { $0 += duration } }
}
