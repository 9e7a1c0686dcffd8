import Aggregates
import Runtime

/// A log of devices that report once a minute, made up while it is read, so that it takes up nothing itself.
struct MinutelyReports: EventStore {
    private static let readings = 20
    private static let start = Timestamp(microseconds: 1_795_000_000_000_000)

    private let fleet = BenchFleet()
    let signal = LogSignal()

    /// As long as the ids that the HTTP interface gives.
    static func id(of device: Int) -> String {
        let number = String(device)
        return "bench00000000000".dropLast(number.count) + number
    }

    private static func device(of stream: StreamName) -> Int? { Int(stream.id.dropFirst("bench".count)) }

    private func events(of device: Int) throws -> [RecordedEvent] {
        let changes = [try fleet.registration(of: device)] + (1...Self.readings).map { fleet.reading($0, of: device) }
        let stream = StreamName(category: Device.category, id: Self.id(of: device))
        return changes.enumerated().map { index, change in
            var event = change.events[0]
            event.observedTime = Self.start + .seconds(60 * index)
            return RecordedEvent(
                position: Int64(device + 1) * 100 + Int64(index), stream: stream, version: Int64(index + 1),
                recordedTime: event.observedTime, event: event)
        }
    }

    /// What a fold of the device's events gives.
    func memory(of device: Int) throws -> AggregateMemory<Device> {
        var memory = AggregateMemory<Device>()
        for event in try events(of: device) { try memory.fold(event) }
        return memory
    }

    /// A reading that comes after those of the log.
    func nextCommand(of device: Int) -> CommandEnvelope<Device.Command> {
        let telemetry = Telemetry(metrics: ["temperature": .number(21)], seq: nil, clock: .device)
        return CommandEnvelope(
            id: .v7(), .recordTelemetry(telemetry),
            context: CommandContext(
                time: Self.start + .seconds(60 * (Self.readings + 1)), principal: .system, scope: .all))
    }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        let count = append.changes.reduce(0) { $0 + $1.events.count }
        return .accepted(
            AppendReceipt(
                firstPosition: 1 << 40, eventCount: count,
                recordedTime: Self.start + .seconds(60 * (Self.readings + 1))))
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        do {
            guard let device = Self.device(of: stream) else { return [] }
            return Array(try events(of: device).dropFirst(Int(version) - 1).prefix(limit))
        } catch {
            throw .invalid(reason: "\(error)", sqlState: nil)
        }
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        LogPage(events: [], end: position)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] { [] }

    func head() async throws(EventStoreError) -> LogHead { LogHead(position: 1 << 40, recordedTime: Self.start) }
}
