import Aggregates
import Installation
import Logging
import Runtime
import Support
import Synchronization
import Workflows

@testable import Gateway

/// A gateway on a real broker, with whatever log the test wants.
struct GatewayHarness: Sendable {
    let broker: ThrowawayBroker
    let thread: PollThread
    let store: any EventStore
    let directory: Directory<Device>
    let rollouts: Directory<Rollout>
    let ledger: any FirmwareLedger
    let happenings: Happenings
    let gateway: MQTTGateway
    /// What is parked if the test brings no store of its own.
    let parking: InMemoryParkingStore

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func with(
        broker: ThrowawayBroker? = nil, store: any EventStore = InMemoryEventStore(), devices: [String] = ["d1"],
        lease: any Lease = UncontestedLease(), server: String = "s1", probeInterval: Duration = .seconds(5),
        directory existing: Directory<Device>? = nil, parking given: (any ParkingStore)? = nil,
        ledger: any FirmwareLedger = InMemoryFirmwareLedger(),
        access: (any DeviceAccessSource)? = nil, limit: DeviceLimit = DeviceLimit(),
        awaitsIngest: Bool = true, configurations: (outbox: any ConfigurationOutbox, bell: Bell)? = nil,
        commands: (outbox: any CommandOutbox, bell: Bell)? = nil,
        _ body: @escaping @Sendable (GatewayHarness) async throws -> Void
    ) async throws {
        let ownBroker = broker == nil
        let broker = if let broker { broker } else { try await ThrowawayBroker.start() }
        let thread = try PollThread(name: "test-mqtt")
        defer { thread.shutdown() }
        let directory = existing ?? Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
        let rollouts = Directory<Rollout>(store: store, snapshots: InMemorySnapshotStore())
        for device in devices { try await directory.register(device) }
        let happenings = Happenings()
        let parking = InMemoryParkingStore()
        let gateway = MQTTGateway(
            MQTTConfiguration(
                broker: broker.gatewayAddress, server: server,
                guardLimit: limit, probeInterval: probeInterval),
            directory: directory, rollouts: rollouts, store: store, lease: lease, parking: given ?? parking,
            ledger: ledger, configurations: configurations, commands: commands,
            access: access, on: thread, logger: Self.logger,
            observe: { happenings.note($0) })
        let harness = GatewayHarness(
            broker: broker, thread: thread, store: store, directory: directory, rollouts: rollouts,
            ledger: ledger, happenings: happenings, gateway: gateway, parking: parking)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gateway.run() }
            defer { group.cancelAll() }
            if awaitsIngest {
                try await happenings.until("connected") { if case .connected = $0 { true } else { false } }
            }
            try await body(harness)
        }
        if ownBroker { await broker.remove() }
    }

    func publisher(topics: [String] = []) async throws -> Publisher {
        try await Publisher(to: broker.gatewayAddress, topics: topics, on: thread)
    }

    func events(of device: String) async throws -> [RecordedEvent] {
        try await store.readStream(StreamName(category: "device", id: device), from: 1, limit: 100_000)
    }

    func readings(of device: String) async throws -> [RecordedEvent] {
        try await events(of: device).filter { $0.type == "TelemetryRecorded" }
    }
}

/// Everything that ingest said about itself.
final class Happenings: Sendable {
    private let state = Mutex<[IngestHappening]>([])

    var all: [IngestHappening] { state.withLock { $0 } }
    func note(_ happening: IngestHappening) { state.withLock { $0.append(happening) } }

    /// Waits until something like it has happened `times` times.
    func until(
        _ what: String, times: Int = 1, within limit: Duration = .seconds(20),
        _ matches: @escaping @Sendable (IngestHappening) -> Bool
    ) async throws {
        try await eventually(within: limit, what) { all.filter(matches).count >= times }
    }

    var tally: RoundTally {
        all.reduce(into: RoundTally()) { sum, happening in
            guard case .acknowledged(let tally) = happening else { return }
            sum.recorded += tally.recorded
            sum.duplicate += tally.duplicate
            sum.malformed += tally.malformed
            sum.refused += tally.refused
            sum.parked += tally.parked
            sum.unknown += tally.unknown
            sum.readings += tally.readings
        }
    }
}

struct UncontestedLease: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
}

extension Directory where D == Device {
    func register(_ device: String) async throws(DispatchError<Device.Rejection>) {
        let registration = Registration(
            serial: device, type: DeviceType("temperature"), name: device, labels: [:],
            account: AccountStanding(id: .default, isActive: true))
        try await send(
            CommandEnvelope(
                id: .v7(), .register(registration),
                context: CommandContext(time: .now(), principal: .system, scope: .all)), to: device)
    }
}
