import Aggregates
import Runtime

/// The commands of a round's messages, together by device and in the order in which they came.
struct DeviceBatches: Sendable {
    private(set) var batches: [(id: String, envelopes: [CommandEnvelope<Device.Command>])] = []
    /// Where the commands of each message lie.
    private var places: [(batch: Int, commands: Range<Int>)] = []

    init(_ messages: [TelemetryMessage]) {
        var batchOfDevice: [String: Int] = [:]
        places.reserveCapacity(messages.count)
        for message in messages {
            let batch = batchOfDevice[message.device] ?? batches.count
            if batch == batches.count {
                batchOfDevice[message.device] = batch
                batches.append((message.device, []))
            }
            let start = batches[batch].envelopes.count
            batches[batch].envelopes += message.envelopes
            places.append((batch, start..<start + message.envelopes.count))
        }
    }

    /// What became of each message, given the answers to the batches.
    func verdicts(on messages: [TelemetryMessage], _ results: [[CommandResult<Device>]]) -> [MessageVerdict] {
        zip(messages, places).map { message, place in
            MessageVerdict(results[place.batch][place.commands], fault: message.fault)
        }
    }
}
