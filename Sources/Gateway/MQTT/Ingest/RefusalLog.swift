import Foundation
import Logging
package import Runtime

/// Messages that belong to no device, or to no rollout, that takes them.
package struct RefusedDelivery: Sendable, Codable, Equatable {
    /// The device as the topic names it.
    var device: String
    var reason: String
    /// How many messages of the round.
    var messages: Int

    static let type = "MessagesRefused"
}

/// What is in the streams of ingest.
package enum IngestEvent: Sendable {
    case generationStarted(IngestGenerationStarted)
    case messagesRefused(RefusedDelivery)

    package static let codec = EventCodec<IngestEvent>([
        .init(IngestGenerationStarted.type, wrap: IngestEvent.generationStarted) {
            if case .generationStarted(let fact) = $0 { fact } else { nil }
        },
        .init(RefusedDelivery.type, wrap: IngestEvent.messagesRefused) {
            if case .messagesRefused(let fact) = $0 { fact } else { nil }
        },
    ])
}

/// Notes messages of unknown devices in a stream of their own, since those devices have none; and firmware reports that
/// no rollout takes.
actor RefusalLog {
    private let store: any EventStore
    private let logger: Logger
    private var version: Int64 = 0

    init(store: any EventStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func note(_ refusals: [RefusedDelivery], fence: StreamVersion) async throws(IngestEnd) {
        if refusals.isEmpty { return }
        let events = refusals.compactMap { refusal -> NewEvent? in
            guard let data = try? JSONEncoder().encode(refusal) else { return nil }
            return NewEvent(
                id: .v7(), type: RefusedDelivery.type, observedTime: .now(), data: Array(data),
                metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        }
        while true {
            let change = StreamChange(IngestStreams.refusals, expecting: version, events: events)
            switch try await store.appendPatiently(Append([change], conditions: [fence]), logger: logger) {
            case .accepted:
                version += Int64(events.count)
                return
            case .conflict(let moved):
                if moved.contains(where: { $0.stream == fence.stream }) { throw .fenced }
                version = moved.first { $0.stream == IngestStreams.refusals }?.version ?? version
            }
        }
    }
}
