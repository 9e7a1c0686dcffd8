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

    /// How long a device that cannot be read is left alone.
    private static let patience = Duration.seconds(60)

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
        var unreadable: [String: ContinuousClock.Instant] = [:]
        await delivery.runUntilCancelled {
            try await outbox.startAgain()
        } deliver: {
            try await deliver(besides: &unreadable)
        }
    }

    /// Returns how many were seen to.
    ///
    /// - Parameter unreadable: devices that go on waiting, until when they are left alone.
    private func deliver(besides unreadable: inout [String: ContinuousClock.Instant]) async throws -> Int {
        let now = ContinuousClock.now
        unreadable = unreadable.filter { now < $0.value }
        let waiting = try await outbox.waiting(RetainedDelivery.batch, except: Array(unreadable.keys))
        if waiting.isEmpty { return 0 }
        var messages: [DeviceMessage] = []
        var readable: [WaitingDevice] = []
        for device in waiting {
            if let state = try await delivery.state(of: device.id, in: devices) {
                messages.append(.configuration(of: device.id, state))
                readable.append(device)
            } else {
                unreadable[device.id] = now + Self.patience
            }
        }
        try await delivery.link.publish(messages)
        Failpoint.reached(.configurationPublished, if: !messages.isEmpty)
        try await outbox.delivered(readable)
        Failpoint.reached(.configurationDelivered, if: !readable.isEmpty)
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
