import Runtime
import Support

/// A place between two steps at which a server is killed, when it comes there for the first time or a later one.
struct Death: Sendable, CustomStringConvertible {
    let point: Failpoint
    let count: Int

    init(_ point: Failpoint, _ count: Int = 1) {
        self.point = point
        self.count = count
    }

    var description: String { "\(point.rawValue)-\(count)" }
    var environment: [String: String] { ["FLEETLOG_FAILPOINT": "\(point.rawValue):\(count)"] }
}

extension TestedSystem {
    /// Starts servers one after another, each of which dies at a place of its own, with the work that the one before has
    /// left.
    ///
    /// - Parameter asking: asks the first of them for the work; whether it still answers is a matter of chance.
    func die(
        at deaths: [Death], more environment: [String: String] = [:],
        asking: (@Sendable (API) async throws -> Void)? = nil
    ) async throws {
        for (number, death) in deaths.enumerated() {
            do {
                let doomed = try launch("\(death)", more: environment.merging(death.environment) { $1 })
                if number == 0, let asking {
                    try await doomed.ready()
                    try? await asking(api(doomed))
                }
                try await doomed.dies(at: death.point, within: .seconds(40))
                // Postgres may still be at work on what the dead server has sent.
                try await serversAreDisconnected()
            } catch {
                throw Wrong("killed at \(death): \(error)")
            }
        }
    }
}
