import Aggregates
import Foundation
import Logging
import Runtime
import Workflows

/// Keeps the broker supplied with the retained configuration of every device.
struct ConfigurationDelivery: Sendable {
    private let outbox: any ConfigurationOutbox
    private let devices: Directory<Device>
    private let delivery: RetainedDelivery

    init(
        outbox: any ConfigurationOutbox, bell: Bell, devices: Directory<Device>,
        link: any DevicePublishing & LinkState, logger: Logger
    ) {
        self.outbox = outbox
        self.devices = devices
        delivery = RetainedDelivery(
            bell: bell, pollInterval: .seconds(2), link: link, complaint: "Configurations wait to be delivered",
            logger: logger)
    }

    func runUntilCancelled() async {
        await delivery.runUntilCancelled {
            try await outbox.startAgain()
        } deliver: {
            try await deliver()
        }
    }

    /// Returns how many were delivered.
    private func deliver() async throws -> Int {
        let waiting = try await outbox.waiting(RetainedDelivery.batch)
        if waiting.isEmpty { return 0 }
        var messages: [DeviceMessage] = []
        for device in waiting {
            guard let state = try await delivery.state(of: device.id, in: devices) else { continue }
            messages.append(.configuration(of: device.id, state))
        }
        try await delivery.link.publish(messages)
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
