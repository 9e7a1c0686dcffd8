import Aggregates
import Logging
import Runtime

/// Brings every message of a round to an end that is in the log or in the database, so that it may be acknowledged.
struct RoundSettlement: Sendable {
    let directory: Directory<Device>
    let refusals: RefusalLog
    let parked: ParkedMessages
    let notices: any NoticeSink
    let logger: Logger
    let observe: @Sendable (IngestHappening) -> Void

    /// Tries for as long as it takes; nothing may be acknowledged if it throws.
    func settle(
        _ round: [ReceivedMessage], _ generations: inout DeliveryGenerations, at time: Timestamp
    ) async throws(IngestEnd) -> RoundTally {
        let fence = generations.fence
        let waiting = await parked.devices
        var tally = RoundTally()
        var strays: [String: Int] = [:]
        var parking: [ParkedMessage] = []
        var open: [TelemetryMessage] = []
        for message in round {
            let stamp = generations.stamp(packetID: message.packetID)
            guard let device = DeviceTopic.telemetryDevice(message.topic) else {
                if !message.topic.hasPrefix(WatchdogTopic.prefix) { strays[message.topic, default: 0] += 1 }
                continue
            }
            if waiting.contains(device) {
                parking.append(
                    ParkedMessage(
                        device: device, received: message, stamp: stamp, receivedTime: time,
                        reason: "earlier messages are parked"))
            } else {
                open.append(TelemetryMessage(from: device, message, stamp: stamp, receivedTime: time, fence: fence))
            }
        }
        let unknown = try await settle(open, fence: fence, parking: &parking, tally: &tally)
        try await parked.park(parking, under: fence.version)
        tally.parked = parking.count
        try await note(unknown, strays, fence: fence, tally: &tally)
        return tally
    }

    /// Returns how many messages each unknown device has sent.
    private func settle(
        _ messages: [TelemetryMessage], fence: StreamVersion, parking: inout [ParkedMessage], tally: inout RoundTally
    ) async throws(IngestEnd) -> [String: Int] {
        var open = messages
        var unknown: [String: Int] = [:]
        var invalid: [(message: TelemetryMessage, reason: String)] = []
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !open.isEmpty {
            let batches = DeviceBatches(open)
            let results = await directory.send(batches.batches)
            var again: [TelemetryMessage] = []
            var retryReason = ""
            for (message, verdict) in zip(open, batches.verdicts(on: open, results)) {
                switch verdict {
                case .fenced: throw .fenced
                case .retry(let reason):
                    again.append(message)
                    retryReason = reason
                case .invalid(let reason): invalid.append((message, reason))
                case .park(let reason): parking.append(ParkedMessage(message, reason: reason))
                case .unknownDevice:
                    unknown[message.device, default: 0] += 1
                    tally.unknown += 1
                case .refused(let reason):
                    notices.send(Notice(refused: reason), to: message.device)
                    tally.refused += 1
                case .malformed(let fault):
                    notices.send(Notice(fault), to: message.device)
                    tally.malformed += 1
                case .duplicate: tally.duplicate += 1
                case .recorded(let readings):
                    tally.recorded += 1
                    tally.readings += readings
                }
            }
            open = again
            if open.isEmpty { break }
            observe(.waiting(reason: retryReason))
            logger.warning("A round waits for the log", metadata: ["reason": "\(retryReason)"])
            do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
        }
        try await refuse(invalid, fence: fence, parking: &parking, tally: &tally)
        return unknown
    }

    /// Notes messages that the log can never take as refused; were they parked, they would block their devices for ever.
    private func refuse(
        _ messages: [(message: TelemetryMessage, reason: String)], fence: StreamVersion,
        parking: inout [ParkedMessage], tally: inout RoundTally
    ) async throws(IngestEnd) {
        for (message, reason) in messages {
            let results = await directory.send([(message.device, [message.refusal(reason, fence: fence)])]).first ?? []
            switch MessageVerdict(results, fault: nil) {
            case .fenced: throw .fenced
            case .recorded, .duplicate:
                notices.send(Notice(refused: reason), to: message.device)
                tally.malformed += 1
            default: parking.append(ParkedMessage(message, reason: reason))
            }
        }
    }

    private func note(
        _ unknown: [String: Int], _ strays: [String: Int], fence: StreamVersion, tally: inout RoundTally
    ) async throws(IngestEnd) {
        let devices = unknown.map { RefusedDelivery(device: $0, reason: "unknown device", messages: $1) }
        let topics = strays.map {
            RefusedDelivery(device: String($0.prefix(200)), reason: "no device can have this topic", messages: $1)
        }
        try await refusals.note(devices + topics, fence: fence)
        tally.unknown += strays.values.reduce(0, +)
        for refusal in devices + topics {
            logger.warning(
                "Messages of an unknown device are refused",
                metadata: ["device": "\(refusal.device)", "messages": "\(refusal.messages)"])
        }
    }
}

extension ParkedMessage {
    init(_ message: TelemetryMessage, reason: String) {
        self.init(
            device: message.device, received: message.received, stamp: message.stamp,
            receivedTime: message.receivedTime, reason: reason)
    }
}
