import Aggregates
import Logging
import Runtime

/// Brings telemetry from the broker into the log: round, commands, commit, acknowledgement.
///
/// A round is read in parts. While one part is on its way to the log the next is read and decided, so that broker,
/// actors and log work at the same time; parts are acknowledged together when all of them are settled.
///
/// One server at a time has the role. Whoever has it connects, begins a generation, and goes on round after round; each
/// command is fenced on the generation, so that a server that was left behind cannot write.
struct Ingest: Sendable {
    let connection: IngestConnection
    let lease: any Lease
    let generationLog: GenerationLog
    let settlement: RoundSettlement
    let parked: ParkedMessages
    let catalog: TelemetryCatalog?
    let delivery: FirmwareDelivery
    let receipts: Receipts
    let configurations: ConfigurationDelivery?
    let commands: CommandDelivery?
    let link: any LinkState
    let status: IngestStatus
    let metrics: IngestMetrics
    let logger: Logger
    let observe: @Sendable (IngestHappening) -> Void

    func runUntilCancelled() async {
        while !Task.isCancelled {
            await lease.lead { await lead() }
            metrics.stopped()
            status.become(.candidate)
            observe(.following)
        }
    }

    private func lead() async {
        status.become(.leading)
        observe(.leading)
        logger.info("This server ingests")
        guard await parked.load() else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await parked.applyUntilCancelled() }
            group.addTask { await delivery.runUntilCancelled() }
            group.addTask { await receipts.runUntilCancelled() }
            if let configurations { group.addTask { await configurations.runUntilCancelled() } }
            if let commands { group.addTask { await commands.runUntilCancelled() } }
            await ingestUntilFenced()
            group.cancelAll()
        }
    }

    private func ingestUntilFenced() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        while !Task.isCancelled {
            let end = await ingestOnOneConnection { backoff.reset() }
            // Closed without DISCONNECT, so whatever is not acknowledged comes again.
            await connection.abandon()
            status.become(.leading)
            observe(.disconnected(reason: "\(end)"))
            switch end {
            case .cancelled: return
            case .fenced:
                observe(.fenced)
                logger.warning("Another server has taken over ingest")
                return
            case .broken, .connection:
                logger.warning("Ingest lost its connection", metadata: ["reason": "\(end)"])
                if (try? await Task.sleep(for: backoff.next())) == nil { return }
            }
        }
    }

    private func ingestOnOneConnection(_ connected: () -> Void) async -> IngestEnd {
        do throws(IngestEnd) {
            let sessionPresent = try await connect()
            var generations = try await generationLog.begin(sessionPresent: sessionPresent)
            await connection.sessionIsRecorded()
            await parked.expectNone()
            try await parked.learn()
            connected()
            status.become(.connected(generation: generations.current))
            observe(.connected(generation: generations.current, sessionPresent: sessionPresent))
            logger.info(
                "Ingest is connected",
                metadata: ["generation": "\(generations.current)", "sessionPresent": "\(sessionPresent)"])
            var lastHeard = ContinuousClock.now
            while true {
                if generations.isFull { try await generationLog.goOn(&generations) }
                let first = try await nextRound()
                if first.isEmpty {
                    try checkSilence(since: lastHeard)
                } else {
                    try await settleAndAcknowledge(first, &generations)
                    lastHeard = .now
                }
            }
        } catch {
            return error
        }
    }

    private func connect() async throws(IngestEnd) -> Bool {
        do throws(MQTTError) {
            return try await connection.connect()
        } catch {
            metrics.connectFailed()
            throw IngestEnd(error)
        }
    }

    private func nextRound() async throws(IngestEnd) -> [ReceivedMessage] {
        do throws(MQTTError) {
            return try await connection.nextRound(patience: .seconds(1))
        } catch {
            throw IngestEnd(error)
        }
    }

    private func settleAndAcknowledge(
        _ first: [ReceivedMessage], _ generations: inout DeliveryGenerations
    ) async throws(IngestEnd) {
        let start = ContinuousClock.now
        metrics.began(first.count)
        var started = await settlement.start(RoundPart(first, &generations, at: .now(), schemas: catalog?.current))
        var tally = RoundTally()
        var messages = first.count
        while let read = try await nextPart(generations) {
            generations = read.generations
            messages += read.messages
            metrics.began(messages)
            let newer = await settlement.start(read.part)
            tally += try await settlement.finish(started)
            started = newer
        }
        tally += try await settlement.finish(started)
        // The role may have gone while the log was waited for.
        if Task.isCancelled { throw .cancelled }
        Failpoint.reached(.roundSettled, if: tally.messages > 0)
        do throws(MQTTError) {
            try await connection.acknowledge()
        } catch {
            throw IngestEnd(error)
        }
        Failpoint.reached(.roundAcknowledged, if: tally.messages > 0)
        metrics.acknowledged(tally, messages: messages, after: .now - start)
        if tally.messages > 0 { observe(.acknowledged(tally)) }
    }

    private struct ReadPart: Sendable {
        var part: RoundPart
        var generations: DeliveryGenerations
        var messages: Int
    }

    /// The next part of the open round; nil if the round is full or nothing more has come.
    private func nextPart(_ generations: DeliveryGenerations) async throws(IngestEnd) -> ReadPart? {
        do throws(MQTTError) {
            let received = try await connection.nextPart()
            if received.isEmpty { return nil }
            var generations = generations
            let part = RoundPart(received, &generations, at: .now(), schemas: catalog?.current)
            return ReadPart(part: part, generations: generations, messages: received.count)
        } catch {
            throw IngestEnd(error)
        }
    }

    /// Probes come by another connection; if that lives and none arrives, the broker has lost our subscription.
    private func checkSilence(since lastHeard: ContinuousClock.Instant) throws(IngestEnd) {
        metrics.note(readings: 0)
        if Task.isCancelled { throw .cancelled }
        let start = ContinuousClock.now - link.silenceLimit
        guard let connected = link.connectedSince, connected < start, lastHeard < start else { return }
        throw .connection(.lost(reason: "no probe has come back through the broker"))
    }
}

extension IngestEnd {
    init(_ error: MQTTError) {
        self = if case .cancelled = error { .cancelled } else { .connection(error) }
    }
}
