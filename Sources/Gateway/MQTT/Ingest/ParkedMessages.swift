import Aggregates
import Logging
import Runtime

/// Applies parked messages in order as soon as their devices take them.
///
/// While a device has parked messages its newer ones are parked too. A device counts as parked from before its first
/// message is stored until after its last is removed, and as long as one is on its way, so none is left behind or
/// overtaken.
actor ParkedMessages {
    private let store: any ParkingStore
    private let directory: Directory<Device>
    private let firmware: FirmwareSettlement
    private let notices: any NoticeSink
    private let receipts: Receipts
    private let catalog: TelemetryCatalog?
    private let logger: Logger
    private let metrics = ParkingMetrics()
    private var queues: [String: ParkedQueue] = [:]
    /// How many of those counted are being stored, and may not be found yet.
    private var onTheWay: [String: Int] = [:]
    /// Messages that wait behind parked ones and are not stored yet.
    private var expected: [String: Int] = [:]

    init(
        store: any ParkingStore, directory: Directory<Device>, firmware: FirmwareSettlement,
        notices: any NoticeSink, receipts: Receipts, catalog: TelemetryCatalog? = nil, logger: Logger
    ) {
        self.store = store
        self.directory = directory
        self.firmware = firmware
        self.notices = notices
        self.receipts = receipts
        self.catalog = catalog
        self.logger = logger
    }

    /// The devices with parked messages, stored or on their way.
    var devices: Set<String> { Set(queues.keys).union(expected.keys) }

    /// Counts the messages as on their way: what comes after them may not overtake them, though all that were parked
    /// before be applied meanwhile.
    func expect(_ messages: [ParkedMessage]) {
        for message in messages { expected[message.device, default: 0] += 1 }
    }

    /// To be called for a new connection, on which whatever was on its way comes again.
    func expectNone() { expected = [:] }

    /// Stores messages that were expected.
    func parkExpected(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(IngestEnd) {
        try await park(messages, under: fence)
        for message in messages {
            expected[message.device] = expected[message.device].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }

    /// Learns what an earlier server has parked; false if cancelled. To be called while nothing is parked or applied.
    func load() async -> Bool {
        do {
            queues = try await patiently { () async throws(ParkingError) in try await store.queues() }
            return true
        } catch {
            return false
        }
    }

    /// Learns what an earlier server has parked since; to be called once its fence has fallen, and while nothing is parked.
    func learn() async throws(IngestEnd) {
        // What is applied meanwhile is counted too often, which is found out when no more is there.
        for (device, queue) in try await patiently({ () async throws(ParkingError) in try await store.queues() }) {
            queues[device, default: queue].count = max(queues[device]?.count ?? 0, queue.count)
        }
    }

    /// Stores the messages before they are acknowledged.
    func park(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(IngestEnd) {
        if messages.isEmpty { return }
        for message in messages {
            queues[message.device, default: ParkedQueue(count: 0, oldest: message.receivedTime)].count += 1
            onTheWay[message.device, default: 0] += 1
        }
        defer {
            for message in messages {
                onTheWay[message.device] = onTheWay[message.device].flatMap { $0 > 1 ? $0 - 1 : nil }
            }
        }
        do {
            try await patiently { () async throws(ParkingError) in try await store.park(messages, under: fence) }
        } catch {
            for message in messages { subtract(1, from: message.device) }
            throw error
        }
        Failpoint.reached(.messagesParked)
    }

    /// Tries again and again until cancelled.
    func applyUntilCancelled() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        while (try? await Task.sleep(for: .milliseconds(50) + backoff.next())) != nil {
            metrics.note(queues, at: .now())
            if queues.isEmpty { backoff.reset() }
            for device in queues.keys.sorted() where await apply(device) { backoff.reset() }
        }
        // Whoever ingests next counts them.
        metrics.note([:], at: .now())
    }

    /// Returns whether at least one message was applied.
    private func apply(_ device: String) async -> Bool {
        // An isolated device is not asked, so there is nothing to read for it.
        if directory.isRefusing(device) { return false }
        var progressed = false
        do throws(ParkingError) {
            while !Task.isCancelled {
                let (count, mayBeFound) = (queues[device]?.count, onTheWay[device] == nil)
                let page = try await store.first(100, of: device)
                if page.isEmpty {
                    // Were more counted than there are, all that follows would be parked for good. A server that led before
                    // may have applied some.
                    if mayBeFound, onTheWay[device] == nil, queues[device]?.count == count { queues[device] = nil }
                    return progressed
                }
                Failpoint.reached(.parkedRead)
                for (id, parked) in page {
                    queues[device]?.oldest = parked.receivedTime
                    guard await isApplied(parked, id) else { return progressed }
                    Failpoint.reached(.parkedApplied)
                    // The count is of what is applied: were it left as it is, all that follows would be parked for good.
                    guard await isRemoved(id) else { return progressed }
                    Failpoint.reached(.parkedRemoved)
                    subtract(1, from: device)
                    progressed = true
                }
            }
        } catch {
            logger.warning("Parked messages cannot be read", metadata: ["reason": "\(error)"])
        }
        return progressed
    }

    /// False if cancelled.
    private func isRemoved(_ id: Int64) async -> Bool {
        do {
            try await patiently { () async throws(ParkingError) in try await store.remove([id]) }
            return true
        } catch {
            return false
        }
    }

    /// No fence: whoever applies it, its commands have the same ids. With its last events it is removed, so that it is
    /// not applied again by a server that finds it after they have been forgotten.
    private func isApplied(_ parked: ParkedMessage, _ id: Int64) async -> Bool {
        let removal = store.removal(of: id).map { [$0] } ?? []
        if let device = DeviceTopic.firmwareStatusDevice(parked.received.topic) {
            return await firmware.apply(parked, from: device, removal: removal)
        }
        let message = TelemetryMessage(parked, removal: removal, schemas: catalog?.current)
        let results = await directory.send([(parked.device, message.envelopes)]).first ?? []
        switch MessageVerdict(results, fault: message.fault) {
        case .recorded, .duplicate: if message.wantsReceipt { receipts.add(parked.device) }
        case .malformed(let fault): notices.send(Notice(fault), to: parked.device)
        case .refused(let reason): notices.send(Notice(refused: reason), to: parked.device)
        case .unknownDevice: break
        case .quarantined: return await isNoted(message, MessageVerdict.quarantineReason)
        // It would stand before everything that its device ever sends.
        case .invalid(let reason): return await isNoted(message, reason)
        case .park, .retry, .fenced: return false
        }
        return true
    }

    private func isNoted(_ message: TelemetryMessage, _ reason: String) async -> Bool {
        let results = await directory.send([(message.device, [message.refusal(reason, fence: nil)])]).first ?? []
        switch MessageVerdict(results, fault: nil) {
        case .recorded, .duplicate: notices.send(Notice(refused: reason), to: message.device)
        case .refused, .unknownDevice, .malformed: break
        case .quarantined, .park, .invalid, .retry, .fenced: return false
        }
        return true
    }

    private func subtract(_ number: Int, from device: String) {
        guard let queue = queues[device] else { return }
        queues[device] = queue.count > number ? ParkedQueue(count: queue.count - number, oldest: queue.oldest) : nil
    }

    private func patiently<Value: Sendable>(
        _ body: () async throws(ParkingError) -> Value
    ) async throws(IngestEnd) -> Value {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while true {
            do throws(ParkingError) {
                return try await body()
            } catch {
                guard case .unavailable(let reason) = error else { throw .fenced }
                logger.warning("Ingest waits for the database", metadata: ["reason": "\(reason)"])
                do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
            }
        }
    }
}

extension TelemetryMessage {
    /// What was parked, to be applied now.
    fileprivate init(_ parked: ParkedMessage, removal: [SideRow], schemas: TelemetrySchemas?) {
        let (device, received, stamp, time) = (parked.device, parked.received, parked.stamp, parked.receivedTime)
        if DeviceTopic.statusDevice(received.topic) != nil {
            self.init(statusOf: device, received, stamp: stamp, receivedTime: time, fence: nil, sideRows: removal)
        } else if DeviceTopic.configurationReportDevice(received.topic) != nil {
            self.init(
                configurationOf: device, received, stamp: stamp, receivedTime: time, fence: nil, sideRows: removal)
        } else if DeviceTopic.commandStatusDevice(received.topic) != nil {
            self.init(commandOf: device, received, stamp: stamp, receivedTime: time, fence: nil, sideRows: removal)
        } else {
            self.init(
                from: device, received, stamp: stamp, receivedTime: time, fence: nil, sideRows: removal,
                schemas: schemas)
        }
    }
}
