import Aggregates
import Foundation
import Logging
import Runtime
import Workflows

/// Keeps the broker supplied with the open commands of every device, in one retained message each.
///
/// Whoever subscribes gets them at once, whether it was there or comes back, and again with each subscription until it
/// has acknowledged them. The message expires at the broker with the first of its commands, so that none is handed out
/// after its time even if no server is there; then a message with the others takes its place.
struct CommandDelivery: Sendable {
    /// The broker counts whole seconds, and the message takes a moment to reach it.
    private static let margin = Duration.seconds(1)
    /// After which a device that could not be read is tried again.
    private static let patience = Duration.seconds(60)

    private let outbox: any CommandOutbox
    private let devices: Directory<Device>
    private let delivery: RetainedDelivery

    init(
        outbox: any CommandOutbox, bell: Bell, devices: Directory<Device>, link: any DevicePublishing & LinkState,
        logger: Logger
    ) {
        self.outbox = outbox
        self.devices = devices
        // Reports of devices ring no bell either.
        delivery = RetainedDelivery(
            bell: bell, pollInterval: .seconds(1), link: link, complaint: "Commands wait to be delivered",
            logger: logger)
    }

    func runUntilCancelled() async {
        await delivery.runUntilCancelled {
            try await outbox.startAgain(at: .now())
        } deliver: {
            try await deliver()
        }
    }

    /// Returns for how many devices something was delivered.
    private func deliver() async throws -> Int {
        let waiting = try await outbox.waiting(at: .now(), RetainedDelivery.batch)
        if waiting.isEmpty { return 0 }
        var messages: [DeviceMessage] = []
        var delivered: [DeliveredCommands] = []
        var sent: [(id: String, envelopes: [CommandEnvelope<Device.Command>])] = []
        for device in waiting {
            let state = try await delivery.state(of: device.id, in: devices)
            let now = Timestamp.now()
            guard let open = state?.commands.deliverable(at: now) else {
                delivered.append(DeliveredCommands(device, due: now + Self.patience))
                continue
            }
            // What ends within the margin is not worth the risk that it arrives too late.
            let timely = open.filter { now + Self.margin + .seconds(1) <= $0.expires }
            messages.append(
                .commands(timely, of: device.id, lasting: timely.map { now.whole(until: $0.expires) }.min()))
            delivered.append(DeliveredCommands(device, due: timely.map(\.expires).min()))
            let queued = timely.filter { $0.status == .queued }.map(\.id)
            if !queued.isEmpty { sent.append((device.id, [.noting(sent: queued, at: now)])) }
        }
        try await delivery.link.publish(messages)
        Failpoint.reached(.commandsPublished, if: !messages.isEmpty)
        try await note(sent)
        Failpoint.reached(.commandsNoted, if: !sent.isEmpty)
        try await outbox.delivered(delivered)
        Failpoint.reached(.commandsDelivered)
        return waiting.count
    }

    private func note(_ sent: [(id: String, envelopes: [CommandEnvelope<Device.Command>])]) async throws {
        for results in await devices.send(sent) {
            for case .failure(let error) in results {
                switch error {
                // It has gone meanwhile, or may never be written to; what it was sent is not noted then.
                case .rejected, .broken, .invalid, .stale, .reused, .fenced: break
                case .overloaded, .contended, .unavailable: throw error
                }
            }
        }
    }
}

extension Timestamp {
    /// Whole seconds, less the margin.
    fileprivate func whole(until end: Timestamp) -> UInt32 {
        UInt32(clamping: (end.microseconds - microseconds) / 1_000_000 - 1)
    }
}

extension CommandEnvelope<Device.Command> {
    fileprivate static func noting(sent ids: [String], at time: Timestamp) -> CommandEnvelope {
        CommandEnvelope(
            id: .v7(), .noteCommandsSent(ids), context: CommandContext(time: time, principal: .system, scope: .all))
    }
}

extension DeviceMessage {
    private struct Body: Encodable {
        struct Command: Encodable {
            var id: String
            var name: String
            var arguments: [String: JSONValue]
            var expires: Timestamp
        }

        var commands: [Command]
    }

    /// All that the device is still to do; empty if there is nothing.
    fileprivate static func commands(
        _ commands: [DeviceCommand], of device: String, lasting seconds: UInt32?
    ) -> DeviceMessage {
        var message = DeviceMessage(topic: DeviceTopic.commands(of: device), payload: [])
        guard let seconds else { return message }
        let body = Body(
            commands: commands.map {
                Body.Command(id: $0.id, name: $0.name, arguments: $0.arguments, expires: $0.expires)
            })
        // What came as JSON has a JSON form.
        message.payload = (try? JSONEncoder.answers.encode(body)).map { Array($0) } ?? []
        message.expirySeconds = seconds
        return message
    }
}
