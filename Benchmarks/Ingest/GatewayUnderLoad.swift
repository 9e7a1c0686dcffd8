import Aggregates
import Gateway
import Installation
import Runtime
import Synchronization

/// The real gateway between a broker and a log, with its devices registered and their actors awake.
struct GatewayUnderLoad: Sendable {
    let broker: PrivateBroker
    let url: String

    /// Lends the number of messages committed and acknowledged so far to `body`.
    func run<Value: Sendable>(
        _ body: (@escaping @Sendable () -> Int) async throws -> Value
    ) async throws -> Value {
        let (appending, reading, ingesting) = (
            try PollThread(name: "appending"), try PollThread(name: "reading"), try PollThread(name: "ingesting")
        )
        defer { for thread in [appending, reading, ingesting] { thread.shutdown() } }
        let url = try DatabaseURL(url)
        let pool = PostgresPool(url: url, size: 8, threads: [reading], logger: silent)
        defer { pool.close() }
        let store = PostgresEventStore(url: url, pool: pool, thread: appending, logger: silent)
        let snapshots = PostgresSnapshotStore(pool: pool, logger: silent)
        let directory = Directory<Device>(store: store, snapshots: snapshots)
        let settled = Settled()
        let gateway = MQTTGateway(
            MQTTConfiguration(broker: address, server: "bench"), directory: directory,
            rollouts: Directory<Rollout>(store: store, snapshots: snapshots), store: store,
            lease: PostgresLease(.ingest, url: url, on: reading, server: "bench", logger: silent),
            parking: PostgresParkingStore(pool: pool, log: store), ledger: PostgresFirmwareLedger(pool: pool),
            on: ingesting, logger: silent, observe: { settled.note($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            group.addTask { try await snapshots.run() }
            group.addTask { try await gateway.run() }
            defer { group.cancelAll() }
            try await register(in: directory)
            try await until("ingest is connected") { if case .connected = gateway.state { true } else { false } }
            let value = try await body { settled.messages }
            try await verify(pool)
            return value
        }
    }

    private var address: BrokerAddress {
        BrokerAddress(
            host: broker.address, port: broker.port, username: BrokerFiles.gatewayUser,
            password: broker.files.gatewayPassword)
    }

    private func register(in directory: Directory<Device>) async throws {
        let context = CommandContext(time: .now(), principal: .system, scope: .all)
        let results = await directory.send(
            (0..<PublisherLoad.devices).map { number in
                let device = PublisherLoad.device(number)
                let registration = Registration(
                    serial: device, type: DeviceType("temperature"), name: device, labels: [:],
                    account: AccountStanding(id: .default, isActive: true))
                return (device, [CommandEnvelope(id: .v7(), .register(registration), context: context)])
            })
        for result in results.joined() { _ = try result.get() }
    }

    /// A fast gateway that loses messages would win nothing.
    private func verify(_ pool: PostgresPool) async throws {
        let count = Statement("count_telemetry", "select count(*) from events where type = 'TelemetryRecorded'")
        let stored = try await pool.withConnection { try await $0.query(count()).first?.int8(0) }
        let sent = Int64(PublisherLoad.warmUp + PublisherLoad.messages)
        guard stored == sent else { throw BenchmarkFailed("of \(sent) messages \(stored ?? 0) are in the log") }
    }
}

/// How many messages ingest has brought to an end.
private final class Settled: Sendable {
    private let count = Atomic(0)

    var messages: Int { count.load(ordering: .relaxed) }

    func note(_ happening: IngestHappening) {
        guard case .acknowledged(let tally) = happening else { return }
        count.add(tally.messages, ordering: .relaxed)
    }
}
