/// The last end of an installation that a device has reported and the broker has acknowledged.
struct FirmwareOutcome: Sendable, Equatable {
    var rollout: String
    var hasSucceeded: Bool
}

/// What became of the reported ends, as the server has them.
package struct FirmwareResult: Sendable, Equatable {
    /// Devices that reported an end.
    package var reported = 0
    /// Devices of which the server says otherwise.
    package var contradicted = 0
}

/// Compares the ends that devices have reported with what the server has of them.
struct FirmwareVerification: Sendable {
    let api: FleetAPI
    let patience: Duration

    private static let pause = Duration.milliseconds(250)

    func run(_ outcomes: [DeviceOutcome]) async throws(SimulationError) -> FirmwareResult {
        let deadline = ContinuousClock.now + patience
        while true {
            let result = try await compared(outcomes)
            if result.contradicted == 0 || .now >= deadline { return result }
            do { try await Task.sleep(for: Self.pause) } catch { throw .cancelled }
        }
    }

    private func compared(_ outcomes: [DeviceOutcome]) async throws(SimulationError) -> FirmwareResult {
        var result = FirmwareResult()
        for rollout in Set(outcomes.compactMap(\.firmware?.rollout)).sorted() {
            let states = try await api.deviceStates(ofRollout: rollout)
            for outcome in outcomes {
                guard let firmware = outcome.firmware, firmware.rollout == rollout else { continue }
                result.reported += 1
                if !Self.agrees(firmware, with: states[outcome.id]) { result.contradicted += 1 }
            }
        }
        return result
    }

    private static func agrees(_ outcome: FirmwareOutcome, with state: String?) -> Bool {
        guard let state else { return false }
        // A report may come after the rollout has given the device up.
        return outcome.hasSucceeded
            ? ["succeeded", "cancelled", "timedOut"].contains(state)
            : state != "succeeded"
    }
}
