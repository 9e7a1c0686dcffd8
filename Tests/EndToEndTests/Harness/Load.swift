import Runtime
import Support

/// Devices of each marking that publish while something else happens.
struct Load: Sendable {
    let devices: [LoadDevice]

    var acknowledged: Int {
        get async {
            var sum = 0
            for device in devices { sum += await device.acknowledgedCount }
            return sum
        }
    }

    /// - Parameter rate: messages a second, of all devices together.
    /// - Returns: what the devices know of their messages when each has what it must have from the broker.
    static func during(
        on system: TestedSystem, api: API, markings: [Marking] = Marking.allCases, devicesEach: Int = 2,
        rate: Double = 120, _ body: @escaping @Sendable (Load) async throws -> Void
    ) async throws -> [LoadRecord] {
        var devices: [LoadDevice] = []
        for marking in markings {
            for index in 1...devicesEach {
                let device = try await api.register("\(marking.rawValue)-\(index)")
                devices.append(
                    LoadDevice(
                        device, marking, port: system.broker.port,
                        rate: rate / Double(markings.count * devicesEach), on: system.thread))
            }
        }
        let load = Load(devices: devices)
        return try await withThrowingTaskGroup(of: LoadRecord?.self) { group in
            for device in load.devices { group.addTask { try await device.run() } }
            group.addTask {
                try await body(load)
                for device in load.devices { await device.stop() }
                return nil
            }
            var records: [LoadRecord] = []
            for try await record in group { if let record { records.append(record) } }
            return records
        }
    }
}
