import Aggregates
import Runtime

/// 100,000 devices as the log shows them: registered, then reporting every half minute.
///
/// Of every twenty, one is too hot from the beginning and cools down again, and another becomes so at the end: the first
/// reading after the last is the one upon which its alert is raised.
struct BenchFleet: Sendable {
    static let devices = 100_000
    static let readings = 8
    private static let rolloutDevices = 5_000
    // They may all be silent for longer than the benchmark takes.
    private static let types = ["temperature", "humidity", "motion"].map { DeviceType($0) }
    private static let hot = Array(#"{"clock":"device","metrics":{"battery":3.5,"temperature":80},"seq":1}"#.utf8)

    private let sample = SampleEvents()
    // In the past, so that nothing is observed after it is recorded.
    private let start = Timestamp.now() - .seconds(3_600)

    func registration(of device: Int) throws -> StreamChange {
        let registered = DeviceRegistered(
            serial: "bench\(device)", type: Self.types[device % Self.types.count], name: "Bench \(device)",
            labels: ["floor": "\(device % 40)"], account: .default)
        let encoded = try Device.codec.encode(.registered(registered))
        var event = sample.event(of: device, version: 0)
        event.type = encoded.type
        event.eventClass = encoded.eventClass
        event.data = encoded.data
        event.observedTime = start
        return StreamChange(sample.stream(of: device), expecting: 0, events: [event])
    }

    /// - Parameter number: from 1.
    func reading(_ number: Int, of device: Int) -> StreamChange {
        var event = sample.event(of: device, version: Int64(number))
        event.observedTime = start + .seconds(30 * number)
        if isHot(device, at: number) { event.data = Self.hot }
        return StreamChange(sample.stream(of: device), expecting: Int64(number), events: [event])
    }

    /// With the account's settings as they are unless changed, the average of five must be above 50 °C for a minute:
    /// that of three hot readings and two others is, that of two is not.
    private func isHot(_ device: Int, at reading: Int) -> Bool {
        switch device % 20 {
        case 0: reading <= Self.readings / 2
        case 10: reading > Self.readings - 4
        default: false
        }
    }

    /// All events of a rollout to the first devices of the fleet, ten groups; one device in fifty fails.
    func rollout() throws -> (stream: StreamName, events: [NewEvent]) {
        let devices = (0..<Self.rolloutDevices).map { sample.stream(of: $0).id }
        let groupSize = devices.count / 10
        var commands = [
            Rollout.Command.create(
                RolloutPlan(
                    account: .default, version: "2.0",
                    artifact: FirmwareArtifact(
                        url: "https://firmware.example/2.0", sha256: String(repeating: "0f", count: 32)),
                    devices: devices, groupSize: groupSize, successThreshold: 90, errorThreshold: 10, attempts: 1))
        ]
        for group in 0..<10 {
            let members = group * groupSize..<(group + 1) * groupSize
            commands += [.openGroup(group), .markNotified(Array(devices[members]))]
            for status in [FirmwareReport.Status.downloading, .installing, .succeeded] {
                commands += members.map { device in
                    let hasFailed = status == .succeeded && device.isMultiple(of: 50)
                    return .report(
                        FirmwareReport(device: devices[device], status: hasFailed ? .failed : status, version: "2.0"))
                }
            }
        }
        return (StreamName(category: Rollout.category, id: "bench"), try events(of: commands + [.finish]))
    }

    private func events(of commands: [Rollout.Command]) throws -> [NewEvent] {
        let context = CommandContext(time: start, principal: .system, scope: .all)
        var state = Rollout.initial
        return try commands.flatMap { command in
            try Rollout.decide(command, in: state, context: context).map { event in
                Rollout.evolve(&state, with: event, observedAt: start)
                let encoded = try Rollout.codec.encode(event)
                return NewEvent(
                    id: .v7(), type: encoded.type, schemaVersion: encoded.schemaVersion, class: encoded.eventClass,
                    observedTime: start,
                    data: encoded.data,
                    metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
            }
        }
    }
}
