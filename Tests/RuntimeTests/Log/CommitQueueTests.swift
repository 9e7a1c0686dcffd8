import Runtime
import Testing

@Suite struct `The commit queue` {
    func append(_ ids: String..., reading: [String] = [], events: Int = 1) -> Append {
        Append(
            ids.map { StreamChange(StreamName(category: "s", id: $0), expecting: 0, events: .samples(events)) },
            conditions: reading.map { StreamVersion(StreamName(category: "s", id: $0), at: 0) })
    }

    func expectBatch(
        _ tickets: [Int], from queue: inout CommitQueue<Int>, at location: SourceLocation = #_sourceLocation
    ) {
        let batch = queue.takeBatch().map(\.ticket)
        #expect(batch == tickets, sourceLocation: location)
    }

    func filled(_ appends: [Append], limits: CommitQueue<Int>.Limits = .init()) -> CommitQueue<Int> {
        var queue = CommitQueue<Int>(limits: limits)
        for (ticket, append) in appends.enumerated() { _ = queue.put(append, ticket: ticket) }
        return queue
    }

    @Test func `takes appends in the order they came`() {
        var queue = filled([append("a"), append("b"), append("c")])
        expectBatch([0, 1, 2], from: &queue)
        #expect(queue.isEmpty)
    }

    @Test func `puts one append a stream into a batch and keeps their order`() {
        var queue = filled([append("a"), append("a", "b"), append("b"), append("c"), append("a")])
        expectBatch([0, 3], from: &queue)
        expectBatch([1], from: &queue)
        expectBatch([2, 4], from: &queue)
        expectBatch([], from: &queue)
    }

    @Test func `lets many appends rest on one unmoved stream`() {
        var queue = filled([
            append("a", reading: ["lease"]), append("b", reading: ["lease"]), append("lease"),
            append("c", reading: ["lease"]),
        ])
        expectBatch([0, 1], from: &queue)
        expectBatch([2], from: &queue)
        expectBatch([3], from: &queue)
    }

    @Test func `bounds a batch but takes any append alone`() {
        let limits = CommitQueue<Int>.Limits(batchEvents: 10, batchBytes: 1 << 20)
        var queue = filled([append("a", events: 50), append("b", events: 6), append("c", events: 6)], limits: limits)
        expectBatch([0], from: &queue)
        expectBatch([1], from: &queue)
        expectBatch([2], from: &queue)
    }

    @Test func `refuses what it cannot hold and takes again when there is room`() {
        var queue = CommitQueue<Int>(
            limits: .init(batchEvents: 2, batchBytes: 1 << 20, waitingEvents: 3, waitingBytes: 1 << 20))
        var taken = [queue.put(append("a", events: 2), ticket: 0)]
        taken.append(queue.put(append("b", events: 1), ticket: 1))
        taken.append(queue.put(append("c", events: 1), ticket: 2))
        _ = queue.takeBatch()
        taken.append(queue.put(append("c", events: 1), ticket: 3))
        #expect(taken == [true, true, false, true])
        let rest = queue.takeBatch().map(\.ticket)
        #expect(rest == [1, 3])
    }

    @Test(arguments: 0..<50) func `answers each append once and each stream in order`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = CommitQueue<Int>(limits: .init(batchEvents: 5, batchBytes: 1 << 20))
        var put: [Int: [StreamName]] = [:]
        var taken: [Int] = []
        for ticket in 0..<200 {
            let names = Set(
                (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    StreamName(category: "s", id: "\(Int.random(in: 0..<6, using: &random))")
                })
            put[ticket] = Array(names)
            let append = Append(names.map { StreamChange($0, expecting: 0, events: .samples(1)) })
            guard queue.put(append, ticket: ticket) else {
                Issue.record("the queue refused an append")
                return
            }
            if Bool.random(using: &random) { taken += queue.takeBatch().map(\.ticket) }
        }
        while !queue.isEmpty { taken += queue.takeBatch().map(\.ticket) }
        #expect(taken.sorted() == Array(0..<200))
        for stream in Set(put.values.joined()) {
            let ofStream = taken.filter { put[$0]?.contains(stream) ?? false }
            #expect(ofStream == ofStream.sorted())
        }
    }
}
