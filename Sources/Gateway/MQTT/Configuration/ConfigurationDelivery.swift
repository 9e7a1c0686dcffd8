import Aggregates
import Foundation
import Logging
import Runtime
import Workflows

/// Keeps the broker supplied with the retained configuration of every device.
///
/// What is to be delivered stands in a table, written with the change itself, so nothing is lost with a server. The broker
/// may lose what it retains when it is killed; so after each new connection all configurations are delivered again.
struct ConfigurationDelivery: Sendable {
    private static let batch = 500
    /// Changes by other servers ring no bell here.
    private static let pollInterval = Duration.seconds(2)

    let outbox: any ConfigurationOutbox
    let bell: Bell
    let devices: Directory<Device>
    let link: any DevicePublishing & LinkState
    let logger: Logger

    func runUntilCancelled() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        var connection: ContinuousClock.Instant?
        while !Task.isCancelled {
            let heard = bell.heard
            do {
                if let present = link.connectedSince, present != connection {
                    try await outbox.startAgain()
                    connection = present
                }
                let delivered = connection == nil ? 0 : try await deliver()
                if delivered == 0 { await bell.wait(past: heard, atMost: Self.pollInterval) }
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "Configurations wait to be delivered", metadata: ["reason": "\(String(reflecting: error))"])
                if (try? await Task.sleep(for: backoff.next())) == nil { return }
            }
        }
    }

    /// Returns how many were delivered.
    private func deliver() async throws -> Int {
        let waiting = try await outbox.waiting(Self.batch)
        if waiting.isEmpty { return 0 }
        var messages: [DeviceMessage] = []
        for configuration in waiting {
            do throws(DispatchError<Device.Rejection>) {
                messages.append(
                    .configuration(of: configuration.device, try await devices.recallLatest(configuration.device).state)
                )
            } catch {
                guard case .broken(let reason) = error else { throw error }
                // One device that cannot be read must not hold the others back.
                logger.error(
                    "A device cannot be read", metadata: ["device": "\(configuration.device)", "reason": "\(reason)"])
            }
        }
        try await link.publish(messages)
        try await outbox.delivered(waiting)
        return waiting.count
    }
}

extension DeviceMessage {
    /// What a device is to be set to; nothing for one that is retired.
    fileprivate static func configuration(of device: String, _ state: Device.State) -> DeviceMessage {
        var message = DeviceMessage(topic: DeviceTopic.configuration(of: device), payload: [])
        guard state.status != .retired, let desired = state.configuration.desired else { return message }
        let body = ConfigurationDesired(version: desired.version, config: desired.config)
        // What came as JSON has a JSON form.
        message.payload = (try? JSONEncoder.answers.encode(body)).map { Array($0) } ?? []
        return message
    }
}
