import Aggregates
import Foundation
import Logging
import Runtime
import Support
import Synchronization

@testable import Workflows

/// Takes commands in memory and remembers them; what it is told to refuse, it refuses.
final class MemorySink: CommandSink {
    private struct State {
        var taken: [(id: String, command: UUID128, what: Alert.Command)] = []
        var deliveries = 0
        var answer: @Sendable (String, Alert.Command) -> CommandVerdict? = { _, _ in nil }
    }
    private let state = Mutex(State())

    /// What an aggregate would have taken: each command once, in the order in which they came.
    var taken: [(id: String, command: UUID128, what: Alert.Command)] { state.withLock { $0.taken } }
    /// How often anything arrived.
    var deliveries: Int { state.withLock { $0.deliveries } }

    func answer(_ answer: @escaping @Sendable (String, Alert.Command) -> CommandVerdict?) {
        state.withLock { $0.answer = answer }
    }

    func send(_ batches: [(id: String, commands: [OutboundCommand<Alert.Command>])]) async -> [[CommandVerdict]] {
        state.withLock { state in
            batches.map { batch in
                batch.commands.map { outbound in
                    state.deliveries += 1
                    if let verdict = state.answer(batch.id, outbound.command) { return verdict }
                    if state.taken.contains(where: { $0.command == outbound.id }) { return .duplicate }
                    state.taken.append((batch.id, outbound.id, outbound.command))
                    return .accepted
                }
            }
        }
    }
}

struct NoSink<Command: Sendable>: CommandSink {
    func send(_ batches: [(id: String, commands: [OutboundCommand<Command>])]) async -> [[CommandVerdict]] {
        batches.map { $0.commands.map { _ in .invalid(reason: "nobody takes it") } }
    }
}

struct UncontestedLease: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
}

/// A log with devices, and runners over it.
struct RunnerHarness: Sendable {
    let log: PostgresLog
    let sink = MemorySink()
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func with<Value: Sendable>(_ body: @Sendable (RunnerHarness) async throws -> Value) async throws -> Value {
        try await PostgresLog.with { log in try await body(RunnerHarness(log: log)) }
    }

    func runner(
        _ hosts: [WorkflowHost] = [WorkflowHost(Tripwire.self)], pace: RunnerPace = RunnerPace(),
        store: (any EventStore)? = nil, sink: (any CommandSink<Alert.Command>)? = nil,
        lease: any Lease = UncontestedLease(), server: String = "s1",
        now: @escaping @Sendable () -> Timestamp = { .now() },
        observe: @escaping @Sendable (RunnerHappening) async -> Void = { _ in }
    ) -> WorkflowRunner {
        WorkflowRunner(
            hosts, store: store ?? log.store, pool: log.pool,
            dispatch: CommandDispatch(
                devices: NoSink(), alerts: sink ?? self.sink, rollouts: NoSink()), lease: lease, server: server,
            logger: Self.logger, pace: pace, now: now, observe: observe)
    }

    /// Reads the log to its end.
    func settle(_ term: RunnerTerm, at now: Timestamp = .now()) async throws {
        while try await term.step(at: now) {}
    }

    @discardableResult
    func report(_ device: String, _ value: Double, account: AccountID = .default) async throws -> UUID128 {
        let fact = TelemetryRecorded(metrics: ["t": .number(value)], seq: nil, clock: .server)
        let encoded = try Device.codec.encode(.telemetryRecorded(fact))
        return try await append(encoded.type, encoded.data, to: "device-\(device)", account: account)
    }

    func change(_ settings: AccountSettings, of account: AccountID = .default) async throws {
        let encoded = try Account.codec.encode(.settingsChanged(AccountSettingsChanged(settings: settings)))
        try await append(encoded.type, encoded.data, to: "account-\(account)", account: account)
    }

    func limit(_ limit: Double, of account: AccountID = .default) async throws {
        try await change(AccountSettings(overheating: .init(limit: limit)), of: account)
    }

    @discardableResult
    func append(
        _ type: String, _ data: [UInt8], to stream: String, account: AccountID = .default
    ) async throws -> UUID128 {
        let id = UUID128.v7()
        let name = StreamName(stream) ?? StreamName(category: "device", id: "none")
        let event = NewEvent(
            id: id, type: type, observedTime: .now(), data: data,
            metadata: EventMetadata(principal: .system, account: account, commandID: .v7(), correlationID: id))
        var version: Int64 = 0
        while true {
            switch try await log.store.append(Append([StreamChange(name, expecting: version, events: [event])])) {
            case .accepted: return id
            case .conflict(let moved): version = moved.first?.version ?? 0
            }
        }
    }

    func decisions(of device: String, _ workflow: String = "tripwire") async throws -> [RecordedEvent] {
        let stream = StreamName(category: "workflow", id: "\(workflow)-\(device)")
        return try await log.store.readStream(stream, from: 1, limit: 10_000)
    }

    func tripwire(_ device: String) async throws -> [Tripwire.Decision] {
        try await decisions(of: device).map { try Tripwire.codec.decode($0) }
    }

    func count(_ table: String) async throws -> Int64 {
        let query = Statement.unprepared("count", "select count(*) from \(table)")
        return try await log.pool.withConnection { try await $0.query(query()).first?.int8(0) } ?? -1
    }

    func execute(_ sql: String) async throws {
        let statement = Statement.unprepared("test", sql, effect: .writes)
        _ = try await log.pool.withConnection { try await $0.query(statement()).affected }
    }

    func executeAsOwner(_ sql: String) async throws {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: Self.logger)
        try await connection.runScript(sql)
        await connection.close()
    }

    var queries: PostgresWorkflowQueries { PostgresWorkflowQueries(pool: log.pool) }
}

extension RunnerTerm {
    func row(of key: String, _ workflow: String = "tripwire") throws -> StateRow? {
        try tableByName[workflow]?.row(of: key)
    }

    func state<W: Workflow>(_ workflow: W.Type, _ key: String) throws -> W.State? {
        try row(of: key, W.name).map { try JSONDecoder().decode(W.State.self, from: Data($0.state)) }
    }
}
