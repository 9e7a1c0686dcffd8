/// Brings the fleet to its size: takes over who was registered earlier and registers who is missing.
struct Enrolment: Sendable {
    /// A device that may publish.
    struct Device: Sendable {
        var known: FleetFile.Device
        /// The stream's version before anything is published now.
        var version: Int64
    }

    let api: FleetAPI
    let file: FleetFile?
    let account: String?
    let roster: Roster
    let report: @Sendable (String) -> Void

    /// So many registrations are lost at most, if the program is killed meanwhile.
    private static let batch = 50

    func devices(_ wanted: Int) async throws(SimulationError) -> [Device] {
        let remembered = try file?.load() ?? []
        let candidates = Array(remembered.prefix(wanted))
        let versions = try await candidates.inParallel(FleetAPI.requestsAtOnce) { device throws(SimulationError) in
            try await api.version(of: device.id)
        }
        var devices = zip(candidates, versions).compactMap { device, version in
            version.map { Device(known: device, version: $0) }
        }
        let gone = candidates.count - devices.count
        if gone > 0 { report("\(gone) devices of the earlier fleet are no longer known to the server") }
        let others = remembered.dropFirst(wanted)
        while devices.count < wanted {
            let indices = Array(devices.count..<min(wanted, devices.count + Self.batch))
            devices += try await indices.inParallel(FleetAPI.requestsAtOnce) { index throws(SimulationError) in
                try await register(roster.entry(at: index))
            }
            try file?.save(devices.map(\.known) + others)
            report("\(devices.count) of \(wanted) devices are registered")
        }
        return devices
    }

    private func register(_ entry: Roster.Entry) async throws(SimulationError) -> Device {
        // If the answer with the key is lost the device is, too; another one takes its place. So it is where an earlier
        // fleet has the serial number, whose keys nobody remembers.
        var entry = entry
        for _ in 0..<3 {
            guard let (id, key) = try await api.register(entry, account: account) else {
                entry.serial += "-" + String(UInt32.random(in: .min ... .max), radix: 16, uppercase: true)
                continue
            }
            return Device(known: .init(id: id, apiKey: key, type: entry.type, nextSeq: 1), version: 1)
        }
        throw .unreachable(request: "registering a device", reason: "the answer never had a key")
    }
}
