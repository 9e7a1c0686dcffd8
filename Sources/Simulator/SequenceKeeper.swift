/// Remembers how far each device has counted. A number must never be used for two readings, also if the program
/// is killed, so the file runs ahead of the devices; the gap that a kill leaves does no harm.
struct SequenceKeeper: Sendable {
    let file: FleetFile?
    /// In the order of the fleet.
    let devices: [FleetFile.Device]

    static let interval = Duration.seconds(60)
    /// What the fastest device cannot count in an interval.
    private static let reserve: Int64 = 1_000_000

    func reserve(from next: [Int64]) throws(SimulationError) { try save(next.map { $0 + Self.reserve }) }

    func save(_ next: [Int64]) throws(SimulationError) {
        guard let file else { return }
        let ours = zip(devices, next).map { device, next in
            var device = device
            device.nextSeq = next
            return device
        }
        // Devices that a larger fleet left behind stay in the file.
        let ids = Set(ours.map(\.id))
        try file.save(ours + file.load().dropFirst(ours.count).filter { !ids.contains($0.id) })
    }
}
