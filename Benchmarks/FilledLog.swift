import Runtime

/// A log of telemetry, stored by COPY into an empty database. The devices report in turn.
struct FilledLog: Sendable {
    let events: Int64
    let devices: Int
    /// Numbers of devices start here, so that others can be added.
    var firstDevice = 0
    /// Whether the first event of each device is its registration.
    var areRegistered = false
    /// Between two events of a device.
    var interval = Duration.milliseconds(1)
    /// Whether a reading is of the temperature alone, else of four metrics.
    var isOfTemperature = false

    private static let portion: Int64 = 50_000
    /// Before more partitions must be there.
    private static let step: Int64 = 10_000_000
    private static let lanes: Int64 = 2

    /// The stream of a device, from 0.
    func stream(of device: Int) -> StreamName { SampleEvents().stream(of: firstDevice + device) }

    func fill(_ url: String) async throws {
        for start in stride(from: 0, to: events, by: Int64.Stride(Self.step)) {
            let end = min(events, start + Self.step)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<Self.lanes {
                    group.addTask {
                        try await onThreadOfItsOwn {
                            try copy(after: start + lane * Self.portion, through: end, to: url)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await onThreadOfItsOwn {
                let connection = try PlainConnection(url)
                try connection.execute("update log_head set position = \(end), recorded_time = now()")
                try connection.execute("select fleetlog_make_partitions()")
            }
        }
    }

    /// Every other portion from `start` on.
    private func copy(after start: Int64, through end: Int64, to url: String) throws {
        let connection = try PlainConnection(url)
        let sample = SampleEvents(interval: interval, isOfTemperature: isOfTemperature)
        for first in stride(from: start, to: end, by: Int64.Stride(Self.portion * Self.lanes)) {
            var rows = CopiedEvents(capacity: Int(Self.portion))
            for position in first + 1...min(end, first + Self.portion) {
                let (round, number) = (position - 1).quotientAndRemainder(dividingBy: Int64(devices))
                let device = firstDevice + Int(number)
                let event =
                    areRegistered && round == 0
                    ? try sample.registration(of: device) : sample.event(of: device, version: round + 1)
                rows.add(event, to: sample.stream(of: device), version: round + 1, at: position)
            }
            try connection.copy(into: CopiedEvents.target, rows.ended())
        }
    }
}
