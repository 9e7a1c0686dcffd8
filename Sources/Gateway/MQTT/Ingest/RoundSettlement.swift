import Aggregates
import Logging
import Runtime

/// Brings every message of a part of a round to an end that is in the log or in the database, so that it may be acknowledged.
struct RoundSettlement: Sendable {
    let directory: Directory<Device>
    let refusals: RefusalLog
    let parked: ParkedMessages
    let firmware: FirmwareSettlement
    let notices: any NoticeSink
    let receipts: Receipts
    let logger: Logger
    let observe: @Sendable (IngestHappening) -> Void

    /// A part whose commands are on their way.
    struct Started: Sendable {
        let part: RoundPart
        /// Messages of the part that wait behind parked ones of their devices.
        let parking: [ParkedMessage]
        /// The others.
        let open: [TelemetryMessage]
        let reports: [FirmwareReportMessage]
        let batches: DeviceBatches
        let answers: Deliveries<Device>
    }

    /// Sends the part's commands off; each device takes those of several parts in the order of their starts.
    func start(_ part: RoundPart) async -> Started {
        let waiting = await parked.devices
        var parking: [ParkedMessage] = []
        var open = part.messages
        var reports = part.reports
        if !waiting.isEmpty {
            parking = open.filter { waiting.contains($0.device) }
                .map { ParkedMessage($0, reason: "earlier messages are parked") }
            open.removeAll { waiting.contains($0.device) }
            parking += reports.filter { waiting.contains($0.parkingKey) }
                .map { $0.parked("earlier messages are parked") }
            reports.removeAll { waiting.contains($0.parkingKey) }
            await parked.expect(parking)
        }
        let batches = DeviceBatches(open)
        let answers = await directory.start(batches.batches)
        return Started(part: part, parking: parking, open: open, reports: reports, batches: batches, answers: answers)
    }

    /// Tries for as long as it takes; nothing may be acknowledged if it throws.
    ///
    /// While a message is tried again, a later part's message of the same device may overtake it. Nothing is lost by
    /// that: a state's newest reading is the newest by observed time.
    func finish(_ started: Started) async throws(IngestEnd) -> RoundTally {
        let part = started.part
        var tally = RoundTally()
        // On its way beside the part's commands, it needs no commit of its own.
        try await parked.parkExpected(started.parking, under: part.fence)
        var parking: [ParkedMessage] = []
        let unknown = try await settle(started, parking: &parking, tally: &tally)
        let refused = try await firmware.settle(started.reports, parking: &parking, tally: &tally)
        try await parked.park(parking, under: part.fence)
        tally.parked = started.parking.count + parking.count
        try await note(unknown, part.strays, refused, fence: part.fence, tally: &tally)
        return tally
    }

    /// Returns how many messages each unknown device has sent.
    private func settle(
        _ started: Started, parking: inout [ParkedMessage], tally: inout RoundTally
    ) async throws(IngestEnd) -> [String: Int] {
        var open = started.open
        var batches = started.batches
        var results = await started.answers.results
        var unknown: [String: Int] = [:]
        var invalid: [(message: TelemetryMessage, reason: String)] = []
        var quarantined: [(message: TelemetryMessage, reason: String)] = []
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !open.isEmpty {
            var again: [TelemetryMessage] = []
            var retryReason = ""
            for (message, verdict) in zip(open, batches.verdicts(on: open, results)) {
                switch verdict {
                case .fenced: throw .fenced
                case .retry(let reason):
                    again.append(message)
                    retryReason = reason
                case .invalid(let reason): invalid.append((message, reason))
                case .quarantined: quarantined.append((message, MessageVerdict.quarantineReason))
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
                case .duplicate:
                    tally.duplicate += 1
                    if message.holdsReadings { tally.duplicateReadings += message.envelopes.count }
                    if message.wantsReceipt { receipts.add(message.device) }
                case .recorded(let readings):
                    if message.wantsReceipt { receipts.add(message.device) }
                    tally.recorded += 1
                    if message.holdsReadings {
                        tally.readings += readings
                        tally.duplicateReadings += message.envelopes.count - readings
                    }
                }
            }
            open = again
            if open.isEmpty { break }
            observe(.waiting(reason: retryReason))
            logger.warning("A round waits for the log", metadata: ["reason": "\(retryReason)"])
            do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
            batches = DeviceBatches(open)
            results = await directory.send(batches.batches)
        }
        tally.malformed += try await refuse(invalid, fence: started.part.fence, parking: &parking)
        tally.refused += try await refuse(quarantined, fence: started.part.fence, parking: &parking)
        return unknown
    }

    /// Notes messages as refused that the log can never take, or that come from a quarantined device. Were they parked,
    /// they would block their devices for ever. Returns how many are noted.
    private func refuse(
        _ messages: [(message: TelemetryMessage, reason: String)], fence: StreamVersion,
        parking: inout [ParkedMessage]
    ) async throws(IngestEnd) -> Int {
        if messages.isEmpty { return 0 }
        var noted = 0
        // Together, since a device that is kept out may go on sending for a while.
        let results = await directory.send(messages.map { ($0.device, [$0.refusal($1, fence: fence)]) })
        for ((message, reason), result) in zip(messages, results) {
            switch MessageVerdict(result, fault: nil) {
            case .fenced: throw .fenced
            case .recorded, .duplicate:
                notices.send(Notice(refused: reason), to: message.device)
                noted += 1
            default: parking.append(ParkedMessage(message, reason: reason))
            }
        }
        return noted
    }

    private func note(
        _ unknown: [String: Int], _ strays: [String: Int], _ refused: [RefusedDelivery], fence: StreamVersion,
        tally: inout RoundTally
    ) async throws(IngestEnd) {
        let devices = unknown.map { RefusedDelivery(device: $0, reason: "unknown device", messages: $1) }
        let topics = strays.map {
            RefusedDelivery(device: String($0.prefix(200)), reason: "no device can have this topic", messages: $1)
        }
        try await refusals.note(devices + topics + refused, fence: fence)
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
