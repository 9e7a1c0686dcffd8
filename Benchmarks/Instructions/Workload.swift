import Aggregates
import Runtime

/// What this program itself does for each event, without Postgres and without waiting, always on the same events.
package enum Workload: String, CaseIterable, Sendable {
    /// From a command to the parameters of its batch, as they go over the wire.
    case append
    /// From a row of COPY to the device's state.
    case read

    /// In each pass.
    package static let events = 500

    package func run(passes: Int) throws {
        switch self {
        case .append:
            let load = AppendLoad()
            for _ in 0..<passes { try load.pass() }
        case .read:
            let load = try ReadLoad()
            for _ in 0..<passes { try load.pass() }
        }
    }
}

/// One reading from each of so many devices.
private struct AppendLoad {
    private let sample = SampleEvents()
    private let events = (0..<Workload.events).map { SampleEvents().event(of: $0, version: 1) }
    private let telemetry = Telemetry(
        metrics: [
            "battery": .number(3.625), "humidity": .number(48.25), "rssi": .number(-71), "temperature": .number(21.5),
        ], seq: 100_001, clock: .device)

    private let registered: Device.State

    init() {
        var state = Device.initial
        let fact = DeviceRegistered(
            serial: "bench", type: DeviceType("temperature"), name: "Bench", labels: [:], account: .default)
        Device.evolve(&state, with: .registered(fact), observedAt: events[0].observedTime)
        registered = state
    }

    func pass() throws {
        var known = KnownVersions()
        let appends = try events.enumerated().map { device, event in
            let context = CommandContext(time: event.observedTime, principal: event.metadata.principal, scope: .all)
            let decided = try Device.decide(.recordTelemetry(telemetry), in: registered, context: context)
            let stored = try Device.codec.encode(decided[0])
            let new = NewEvent(
                id: event.id, type: stored.type, schemaVersion: stored.schemaVersion, class: stored.eventClass,
                observedTime: context.time, data: stored.data, metadata: event.metadata)
            return Append([StreamChange(sample.stream(of: device), expecting: 0, events: [new])])
        }
        let batch = AppendBatch(appends, &known)
        guard !batch.statements(expecting: 0).isEmpty else { throw BenchmarkFailed("a batch has no statements") }
    }
}

/// Ten readings of each of fifty devices, in turn.
private struct ReadLoad {
    private static let devices = 50
    private let raw: RawEvents

    init() throws {
        let sample = SampleEvents()
        var rows = CopiedRows(byteLimit: .max)
        for number in 0..<Workload.events {
            let (round, device) = number.quotientAndRemainder(dividingBy: Self.devices)
            let version = Int64(round + 1)
            var row = CopiedEvents(capacity: 1, asRead: true)
            row.add(
                sample.event(of: device, version: version), to: sample.stream(of: device), version: version,
                at: Int64(number + 1))
            // A message of the copy holds one row; the signature is in the first one, and the end in one of its own.
            row.ended().withUnsafeBytes { bytes in
                let message = bytes.dropFirst(number == 0 ? 0 : CopiedEvents.headerSize).dropLast(2)
                rows.take(UnsafeRawBufferPointer(rebasing: message))
            }
        }
        raw = RawEvents(rows, end: Int64(Workload.events))
    }

    func pass() throws {
        var memories: [StreamName: AggregateMemory<Device>] = [:]
        for event in try raw.recordedEvents() {
            try memories[event.stream, default: AggregateMemory<Device>()].fold(event)
        }
        guard memories.values.allSatisfy({ $0.version == Int64(Workload.events / Self.devices) }) else {
            throw BenchmarkFailed("a device was not read to its end")
        }
    }
}
