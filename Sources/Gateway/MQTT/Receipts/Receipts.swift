import Aggregates
import Foundation
import Logging
import Runtime
import Synchronization
import Workflows

/// Tells devices that asked for it which of their readings are in the log.
///
/// Whoever settles a message only notes its device; what a receipt says is read from the device's actor afterwards, which
/// adopts nothing that is not committed. A device that asks again before its receipt has left gets one for both.
final class Receipts: Sendable {
    /// Between two batches, so that a device that asks with every message gets some receipts a second.
    private static let pause = Duration.milliseconds(100)
    private static let batch = 500

    private let devices: Directory<Device>
    private let link: any DevicePublishing
    private let logger: Logger
    private let waiting = Mutex<Set<String>>([])
    private let bell = Bell()

    init(devices: Directory<Device>, link: any DevicePublishing, logger: Logger) {
        self.devices = devices
        self.link = link
        self.logger = logger
    }

    /// To be called when everything that the device sent up to here is stored. Never waits.
    func add(_ device: String) {
        if waiting.withLock({ $0.insert(device).inserted }) { bell.ring() }
    }

    func runUntilCancelled() async {
        var backoff = Backoff(first: Self.pause, limit: .seconds(5))
        while !Task.isCancelled {
            let heard = bell.heard
            let devices = waiting.withLock { waiting in
                let devices = waiting.prefix(Self.batch)
                waiting.subtract(devices)
                return Array(devices)
            }
            if devices.isEmpty {
                await bell.wait(past: heard, atMost: .seconds(60))
                continue
            }
            do throws(MQTTError) {
                try await send(to: devices)
                backoff.reset()
            } catch {
                waiting.withLock { $0.formUnion(devices) }
                logger.debug("Receipts wait for the link", metadata: ["reason": "\(error)"])
            }
            if (try? await Task.sleep(for: backoff.next())) == nil { return }
        }
    }

    private func send(to devices: [String]) async throws(MQTTError) {
        var messages: [DeviceMessage] = []
        for device in devices {
            // Whoever cannot be read now asks again, since nothing was promised to it.
            guard let state = try? await self.devices.recall(device).state, let receipt = Receipt(state),
                let payload = try? JSONEncoder.answers.encode(receipt)
            else { continue }
            messages.append(
                DeviceMessage(topic: DeviceTopic.receipts(of: device), payload: Array(payload), isRetained: false))
        }
        try await link.publish(messages)
    }
}

extension DeviceTopic {
    static func receipts(of device: String) -> String { "devices/\(device)/receipts" }
}
