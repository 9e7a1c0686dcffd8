import Aggregates
import Logging
import Runtime

/// Brings the firmware reports of a round to an end, under the same rules as its telemetry.
struct FirmwareSettlement: Sendable {
    let rollouts: Directory<Rollout>
    let devices: Directory<Device>
    let notices: any NoticeSink
    let logger: Logger
    let observe: @Sendable (IngestHappening) -> Void

    /// Tries for as long as it takes; nothing may be acknowledged if it throws. Returns what is to be noted as refused.
    func settle(
        _ messages: [FirmwareReportMessage], parking: inout [ParkedMessage], tally: inout RoundTally
    ) async throws(IngestEnd) -> [RefusedDelivery] {
        var open = messages
        var refused: [RefusedDelivery] = []
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !open.isEmpty {
            var again: [FirmwareReportMessage] = []
            var retryReason = ""
            for (message, verdict) in zip(open, await verdicts(on: open)) {
                switch verdict {
                case .fenced: throw .fenced
                case .retry(let reason):
                    again.append(message)
                    retryReason = reason
                case .park(let reason): parking.append(message.parked(reason))
                case .unknownDevice:
                    refused.append(RefusedDelivery(device: message.device, reason: "unknown device", messages: 1))
                    tally.unknown += 1
                case .refused(let reason), .invalid(let reason):
                    refused.append(
                        RefusedDelivery(device: message.device, reason: "firmware status: \(reason)", messages: 1))
                    notices.send(Notice(refused: reason), to: message.device)
                    tally.refused += 1
                // Never the verdict on a report, which is the rollout's to take.
                case .quarantined: tally.refused += 1
                case .malformed(let fault):
                    notices.send(Notice(fault), to: message.device)
                    tally.malformed += 1
                case .duplicate: tally.duplicate += 1
                case .recorded: tally.recorded += 1
                }
            }
            open = again
            if open.isEmpty { break }
            observe(.waiting(reason: retryReason))
            logger.warning("Firmware reports wait for the log", metadata: ["reason": "\(retryReason)"])
            do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
        }
        return refused
    }

    /// Applies a message that was parked; false if it must wait on.
    func apply(_ parked: ParkedMessage, from device: String, removal: [SideRow]) async -> Bool {
        // No fence: whoever applies it, its command has the same id.
        let message = FirmwareReportMessage(
            from: device, parked.received, stamp: parked.stamp, receivedTime: parked.receivedTime, fence: nil,
            sideRows: removal)
        switch await verdicts(on: [message]).first ?? .retry(reason: "no answer") {
        case .recorded, .duplicate, .unknownDevice, .quarantined: return true
        case .malformed(let fault): notices.send(Notice(fault), to: device)
        case .refused(let reason), .invalid(let reason): notices.send(Notice(refused: reason), to: device)
        case .park, .retry, .fenced: return false
        }
        return true
    }

    /// Sends each rollout its reports in the order in which they came, and each device its faults.
    private func verdicts(on messages: [FirmwareReportMessage]) async -> [MessageVerdict] {
        var reports: [String: [(place: Int, envelope: CommandEnvelope<Rollout.Command>)]] = [:]
        var verdicts = [MessageVerdict](repeating: .retry(reason: "no answer"), count: messages.count)
        for (place, message) in messages.enumerated() {
            switch message.content {
            case .report(let rollout, let envelope): reports[rollout, default: []].append((place, envelope))
            case .fault(let fault, let envelope):
                let results = await devices.send([(message.device, [envelope])]).first ?? []
                verdicts[place] = MessageVerdict(results, fault: fault)
            }
        }
        let batches = reports.sorted { $0.key < $1.key }
        let results = await rollouts.send(batches.map { ($0.key, $0.value.map(\.envelope)) })
        for (batch, answers) in zip(batches, results) {
            for (report, answer) in zip(batch.value, answers) { verdicts[report.place] = MessageVerdict(answer) }
        }
        return verdicts
    }
}
