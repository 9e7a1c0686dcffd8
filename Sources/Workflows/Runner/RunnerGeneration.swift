import Foundation
package import Runtime

/// The generations of a runner, in a stream of their own: each term of each server is one. Every append of the runner
/// and every command that it sends rests on the newest, so a server that was left behind can write nothing.
package struct RunnerGeneration: Sendable {
    package static let category = "runner"

    let store: any EventStore
    let runner: String
    let server: String

    var stream: StreamName { StreamName(category: Self.category, id: runner) }

    /// Begins the next generation, whatever the log holds.
    func begin(at time: Timestamp) async throws(EventStoreError) -> StreamVersion {
        var version: Int64 = 0
        while true {
            switch try await store.append(Append([try change(after: version, at: time)])) {
            case .accepted: return StreamVersion(stream, at: version + 1)
            case .conflict(let moved): version = moved.first?.version ?? version
            }
        }
    }

    package struct Started: Sendable, Codable {
        var server: String
    }

    package static let codec = EventCodec<Started>([.init("RunnerStarted", wrap: { $0 }, unwrap: { $0 })])

    private func change(after version: Int64, at time: Timestamp) throws(EventStoreError) -> StreamChange {
        guard let data = try? JSONEncoder.workflows.encode(Started(server: server)) else {
            throw .invalid(reason: "no JSON of a generation", sqlState: nil)
        }
        let event = NewEvent(
            id: .v7(), type: "RunnerStarted", observedTime: time, data: Array(data),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        return StreamChange(stream, expecting: version, events: [event])
    }
}
