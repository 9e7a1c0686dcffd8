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
    private static let batch = 500
    /// Changes by other servers and reports of devices ring no bell here.
    private static let pollInterval = Duration.seconds(1)
    /// The broker counts whole seconds, and the message takes a moment to reach it.
    private static let margin = Duration.seconds(1)
    /// After which a device that could not be read is tried again.
    private static let patience = Duration.seconds(60)

    let outbox: any CommandOutbox
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
                    try await outbox.startAgain(at: .now())
                    connection = present
                }
                let delivered = connection == nil ? 0 : try await deliver()
                if delivered == 0 { await bell.wait(past: heard, atMost: Self.pollInterval) }
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning("Commands wait to be delivered", metadata: ["reason": "\(String(reflecting: error))"])
                if (try? await Task.sleep(for: backoff.next())) == nil { return }
            }
        }
    }

    /// Returns for how many devices something was delivered.
    private func deliver() async throws -> Int {
        let waiting = try await outbox.waiting(at: .now(), Self.batch)
        if waiting.isEmpty { return 0 }
        var messages: [DeviceMessage] = []
        var delivered: [DeliveredCommands] = []
        var sent: [(id: String, envelopes: [CommandEnvelope<Device.Command>])] = []
        for device in waiting {
            let known = try await open(of: device.device)
            let now = Timestamp.now()
            guard let open = known else {
                delivered.append(DeliveredCommands(device, due: now + Self.patience))
                continue
            }
            // What ends within the margin is not worth the risk that it arrives too late.
            let timely = open.filter { now + Self.margin + .seconds(1) <= $0.expires }
            messages.append(
                .commands(timely, of: device.device, lasting: timely.map { now.whole(until: $0.expires) }.min()))
            delivered.append(DeliveredCommands(device, due: timely.map(\.expires).min()))
            let queued = timely.filter { $0.status == .queued }.map(\.id)
            if !queued.isEmpty { sent.append((device.device, [.noting(sent: queued, at: now)])) }
        }
        try await link.publish(messages)
        try await note(sent)
        try await outbox.delivered(delivered)
        return waiting.count
    }

    /// Nil for a device that cannot be read: it must not hold the others back.
    private func open(of device: String) async throws(DispatchError<Device.Rejection>) -> [DeviceCommand]? {
        do throws(DispatchError<Device.Rejection>) {
            return try await devices.recallLatest(device).state.commands.deliverable(at: .now())
        } catch {
            guard case .broken(let reason) = error else { throw error }
            logger.error("A device cannot be read", metadata: ["device": "\(device)", "reason": "\(reason)"])
            return nil
        }
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
