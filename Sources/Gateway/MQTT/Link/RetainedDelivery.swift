import Aggregates
import Logging
import Runtime
import Workflows

/// Keeps the broker supplied with what it is to retain for every device.
///
/// What is to be delivered stands in a table, written with the change itself, so nothing is lost with a server. The broker
/// may lose what it retains when it is killed; so after each new connection everything is delivered again.
struct RetainedDelivery: Sendable {
    /// Devices that are delivered to together.
    static let batch = 500

    let bell: Bell
    /// Changes by other servers ring no bell here.
    let pollInterval: Duration
    let link: any DevicePublishing & LinkState
    /// What the log of the server says while it does not succeed.
    let complaint: Logger.Message
    let logger: Logger

    /// - Parameters:
    ///   - startAgain: has everything wait again that the broker may have lost.
    ///   - deliver: delivers to some, and returns to how many.
    func runUntilCancelled(startAgain: () async throws -> Void, deliver: () async throws -> Int) async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(10))
        var connection: ContinuousClock.Instant?
        while !Task.isCancelled {
            let heard = bell.heard
            do {
                if let present = link.connectedSince, present != connection {
                    try await startAgain()
                    connection = present
                }
                let delivered = connection == nil ? 0 : try await deliver()
                if delivered == 0 { await bell.wait(past: heard, atMost: pollInterval) }
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning(complaint, metadata: ["reason": "\(String(reflecting: error))"])
                if (try? await Task.sleep(for: backoff.next())) == nil { return }
            }
        }
    }

    /// The device as the log has it; nil if it cannot be read, since it must not hold the others back.
    func state(
        of device: String, in devices: Directory<Device>
    ) async throws(DispatchError<Device.Rejection>) -> Device.State? {
        do throws(DispatchError<Device.Rejection>) {
            return try await devices.recallLatest(device).state
        } catch {
            guard case .broken(let reason) = error else { throw error }
            logger.error("A device cannot be read", metadata: ["device": "\(device)", "reason": "\(reason)"])
            return nil
        }
    }
}

/// A device of which the broker does not have something as it is, and the revision that is to be noted as delivered.
package struct WaitingDevice: Sendable, Hashable {
    package var id: String
    package var revision: Int64

    package init(_ id: String, revision: Int64) {
        self.id = id
        self.revision = revision
    }
}
