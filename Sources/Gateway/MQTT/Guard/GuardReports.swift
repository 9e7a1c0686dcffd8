import Aggregates
import Logging
import Runtime

/// What becomes of what the guard says: figures, events of the devices, notices to them, times of use of their keys.
struct GuardReports: Sendable {
    let directory: Directory<Device>
    let source: any DeviceAccessSource
    let notices: any NoticeSink
    let metrics: GuardMetrics
    let logger: Logger
    private let incoming: AsyncStream<GuardReport>
    private let add: AsyncStream<GuardReport>.Continuation

    /// As many reports as wait at most; one holds up to 64 KiB.
    private static let capacity = 256

    init(
        directory: Directory<Device>, source: any DeviceAccessSource, notices: any NoticeSink, metrics: GuardMetrics,
        logger: Logger
    ) {
        self.directory = directory
        self.source = source
        self.notices = notices
        self.metrics = metrics
        self.logger = logger
        (incoming, add) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.capacity))
    }

    /// Takes one message of the guard, without waiting.
    func hear(_ message: ReceivedMessage) {
        if let status = GuardStatus(message) {
            metrics.note(status)
        } else if let report = GuardReport(message) {
            add.yield(report)
        }
    }

    func runUntilCancelled() async {
        for await report in incoming { await settle(report) }
    }

    private func settle(_ report: GuardReport) async {
        let used = report.reports.flatMap { entry in entry.used.map { (device: entry.device, number: $0) } }
        let learned = report.reports.flatMap { entry in
            entry.learned.compactMap { key in
                key.sha256.map { LearnedKey(device: entry.device, number: key.key, sha256: $0) }
            }
        }
        do {
            try await source.note(used: used, learned: learned)
        } catch {
            logger.warning("The use of keys could not be noted", metadata: ["reason": "\(error)"])
        }
        for entry in report.reports where entry.limited + entry.denied + entry.wrongKey > 0 {
            await note(entry)
        }
    }

    private func note(_ entry: GuardReport.Entry) async {
        let refusals = AccessRefusals(
            limited: entry.limited, denied: entry.denied, wrongKeys: entry.wrongKey)
        if entry.limited > 0 {
            notices.send(
                Notice(
                    reason: "\(entry.limited) messages were too many",
                    detail: "send fewer or smaller messages; those that were not acknowledged may be sent again later"),
                to: entry.device)
        } else if entry.denied > 0 {
            notices.send(
                Notice(
                    reason: "\(entry.denied) requests were not allowed",
                    detail: "publish and subscribe to this device's own topics only, each in its one direction"),
                to: entry.device)
        }
        do throws(DispatchError<Device.Rejection>) {
            try await directory.send(
                CommandEnvelope(
                    id: .v7(), .noteAccessRefusals(refusals),
                    context: CommandContext(time: .now(), principal: .system, scope: .all)), to: entry.device)
        } catch {
            logger.warning(
                "What the guard refused could not be noted",
                metadata: ["device": "\(entry.device)", "reason": "\(error)"])
        }
    }
}
