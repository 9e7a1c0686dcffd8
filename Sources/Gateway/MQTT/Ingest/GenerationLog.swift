import Foundation
import Logging
import Runtime

/// Writes the generations of ingest into their stream, which is what fences a server that was left behind.
struct GenerationLog: Sendable {
    let store: any EventStore
    let server: String
    let logger: Logger

    /// Begins a generation for a new connection, after whatever the log holds.
    func begin(sessionPresent: Bool) async throws(IngestEnd) -> DeliveryGenerations {
        var latest: DeliveryGenerations.Latest?
        while true {
            let open = DeliveryGenerations.openAtConnect(after: latest, sessionPresent: sessionPresent)
            let number = latest?.number ?? 0
            switch try await append("connected", open: open, after: number) {
            case nil: return DeliveryGenerations(current: number + 1, open: open)
            case .some(let actual): latest = try await generation(actual)
            }
        }
    }

    /// Begins the next generation of a connection; the log must not have moved.
    func goOn(_ generations: inout DeliveryGenerations) async throws(IngestEnd) {
        let number = generations.current
        guard try await append("full", open: generations.openAtNext, after: number) == nil else { throw .fenced }
        generations.began(number + 1)
    }

    /// Nil if accepted, else the version that the stream stands at.
    private func append(_ reason: String, open: [Int64], after version: Int64) async throws(IngestEnd) -> Int64? {
        let started = IngestGenerationStarted(server: server, reason: reason, open: open)
        guard let data = try? JSONEncoder().encode(started) else { throw .broken(reason: "no JSON of a generation") }
        let event = NewEvent(
            id: .v7(), type: IngestGenerationStarted.type, observedTime: .now(), data: Array(data),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        let change = StreamChange(IngestStreams.generations, expecting: version, events: [event])
        switch try await store.appendPatiently(Append([change]), logger: logger) {
        case .accepted: return nil
        case .conflict(let moved): return moved.first?.version ?? 0
        }
    }

    private func generation(_ number: Int64) async throws(IngestEnd) -> DeliveryGenerations.Latest {
        let stream = IngestStreams.generations
        let page = try await patiently(logger) { () async throws(EventStoreError) in
            try await store.readStream(stream, from: number, limit: 1)
        }
        guard let event = page.first,
            let started = try? JSONDecoder().decode(IngestGenerationStarted.self, from: Data(event.data))
        else { throw .broken(reason: "generation \(number) cannot be read") }
        return .init(number: number, open: started.open)
    }
}

extension EventStore {
    /// Appends, and tries again for as long as the log cannot be reached.
    func appendPatiently(_ append: Append, logger: Logger) async throws(IngestEnd) -> AppendOutcome {
        try await patiently(logger) { () async throws(EventStoreError) in try await self.append(append) }
    }
}

/// Does what needs the log, and tries again for as long as the log cannot be reached.
func patiently<Value: Sendable>(
    _ logger: Logger, _ body: () async throws(EventStoreError) -> Value
) async throws(IngestEnd) -> Value {
    var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
    while true {
        do throws(EventStoreError) {
            return try await body()
        } catch {
            switch error {
            case .invalid, .corrupt, .retained: throw .broken(reason: error.debugDescription)
            case .unavailable, .overloaded, .closed:
                logger.warning("Ingest waits for the log", metadata: ["reason": "\(error.debugDescription)"])
                do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
            }
        }
    }
}
