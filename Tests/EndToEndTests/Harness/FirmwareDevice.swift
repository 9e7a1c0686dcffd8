import Foundation
import Runtime
import Support

/// A device that installs what its firmware topic says, and reports how that goes.
actor FirmwareDevice {
    enum Habit: Sendable {
        case installs
        case fails
    }

    private struct Firmware: Decodable {
        var rollout: String
        var version: String
    }

    private let device: API.Device
    private let habit: Habit
    private let port: Int
    private let thread: PollThread
    private var finished: Set<String> = []
    /// How often it has installed something, or tried to.
    private(set) var installations = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ device: API.Device, _ habit: Habit = .installs, in system: TestedSystem) {
        self.device = device
        self.habit = habit
        port = system.broker.port
        thread = system.thread
    }

    /// Runs devices while something else happens.
    static func running(_ devices: [FirmwareDevice], _ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for device in devices { group.addTask { try await device.runUntilCancelled() } }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func runUntilCancelled() async throws {
        do {
            try await run()
        } catch {
            if !Task.isCancelled { throw error }
        }
    }

    private func run() async throws {
        let connection = try await MQTTConnection.open(
            port: port, user: device.id, password: device.apiKey ?? "", on: thread)
        try await connection.subscribe(to: "devices/\(device.id)/firmware")
        while !Task.isCancelled {
            let packet = try await connection.packet(until: .now + .milliseconds(200))
            guard case .published(_, let payload, _) = packet, !payload.isEmpty else { continue }
            let firmware = try JSONDecoder().decode(Firmware.self, from: Data(payload))
            for status in statuses(of: firmware.rollout) {
                let report =
                    #"{"rollout":"\#(firmware.rollout)","status":"\#(status)","version":"\#(firmware.version)"}"#
                let reason = try await connection.deliver(
                    Array(report.utf8), to: "devices/\(device.id)/firmware/status")
                guard reason == 0 else { throw Wrong("a firmware status was answered \(reason)") }
            }
        }
    }

    /// A message that comes again is answered with how it has ended, and not installed again.
    private func statuses(of rollout: String) -> [String] {
        let end = habit == .fails ? "failed" : "succeeded"
        guard finished.insert(rollout).inserted else { return [end] }
        installations += 1
        return ["downloading", "installing", end]
    }
}
