import Foundation
import Runtime

/// The same rows at the same times by bare inserts, committed one by one, over a few connections that take turns; their
/// positions are settled beforehand, and no version is checked.
struct PacedInserts: Sendable {
    let pace: Pace

    private static let connections = 8
    private static let statement = Statement(
        "bare insert",
        "insert into \(CopiedEvents.target) values (\((1...17).map { "$\($0)" }.joined(separator: ", ")))")

    func run(on url: String) async throws -> Latencies {
        let inserts = pace.appends.enumerated().map { Self.bound($1, at: $0 + 1) }
        let begin = ContinuousClock.now + .milliseconds(500)
        return try await withThrowingTaskGroup(of: Latencies.self) { group in
            for lane in 0..<Self.connections {
                group.addTask {
                    try await onThreadOfItsOwn { try run(inserts, of: lane, on: url, from: begin) }
                }
            }
            return try await group.reduce(into: Latencies()) { $0.add($1) }
        }
    }

    private func run(
        _ inserts: [BoundStatement], of lane: Int, on url: String, from begin: ContinuousClock.Instant
    ) throws -> Latencies {
        let connection = try PlainConnection(url)
        try connection.prepare(Self.statement, types: inserts[lane].parameters.slots.map(\.type))
        try connection.enterPipeline()
        var latencies = Latencies()
        for number in stride(from: lane, to: inserts.count, by: Self.connections) {
            let due = begin + pace.delay(of: number)
            Thread.sleep(forTimeInterval: max(0, (due - .now) / .seconds(1)))
            try connection.run(PlainBatch([inserts[number]]))
            if pace.isCounted(number) { latencies.add(.now - due) }
        }
        return latencies
    }

    private static func bound(_ append: Append, at position: Int) -> BoundStatement {
        let (change, event) = (append.changes[0], append.changes[0].events[0])
        let metadata = event.metadata
        return statement.bind([
            .int8(Int64(position)), .text(change.stream.description), .text(change.stream.category),
            .int8(change.expectedVersion + 1), .uuid(event.id), .text(event.type), .int4(event.schemaVersion),
            .text(metadata.account.rawValue), .timestamp(event.observedTime), .timestamp(event.observedTime),
            .text(metadata.principal.description), .uuid(metadata.commandID), .null,
            metadata.correlationID.map { .uuid($0) } ?? .null, .null, .json(event.data),
            .int2(Int16(event.eventClass.rawValue)),
        ])
    }
}
