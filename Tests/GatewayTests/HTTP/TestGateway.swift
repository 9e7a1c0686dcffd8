import Aggregates
import Gateway
import Logging
import Projections
import Runtime
import ServiceLifecycle
import Support
import Testing
import Workflows

/// A gateway, over the log in memory unless told otherwise, on a port of its own.
struct TestGateway: Sendable {
    let store: any EventStore
    let devices: Directory<Device>
    let accounts: Directory<Account>
    let alerts: Directory<Alert>
    let rollouts: Directory<Rollout>
    let queries: FoldedQueries
    let tokens: TokensInMemory
    let credentials = CredentialChangesHeard()
    let keys: any DeviceKeys
    let catalog: TelemetryCatalog
    let readiness = ReadinessSwitch()
    let rebuilds = RebuildsInMemory()
    /// Views here know everything at once; waiting for them is up to the test.
    let progress = ViewProgress()
    let gateway: HTTPGateway
    private let group: ServiceGroup
    private(set) var port = 0
    /// May do everything.
    private(set) var admin = ""

    /// Lends a running gateway to `body`, with the account `default` open.
    ///
    /// - Parameters:
    ///   - tokens: those of another gateway, which then is another server over the same store.
    ///   - serials: who holds which serial number; folded from the log if nil.
    ///   - admin: a token of theirs that may do everything.
    ///   - recordsReads: whether reads of personal data come into the same log; into one of their own otherwise, so that
    ///     what a test asks does not change what it asks about.
    static func with(
        _ configuration: HTTPConfiguration = HTTPConfiguration(port: 0),
        store: any EventStore = InMemoryEventStore(), ledger: any NotificationLedger = EmptyLedger(),
        tokens: TokensInMemory = TokensInMemory(), serials: (any SerialNumbers)? = nil, admin: String? = nil,
        keys: any DeviceKeys = NoDeviceKeys(), limit: DeviceLimit? = nil, recordsReads: Bool = false,
        _ body: @Sendable (TestGateway) async throws -> Void
    ) async throws {
        var test = TestGateway(configuration, store, ledger, tokens, serials, keys, limit, recordsReads)
        let group = test.group
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            test.port = try #require(await test.gateway.listening.port)
            if let admin {
                test.admin = admin
            } else {
                test.admin = try #require(try await test.tokens.createAdminToken())
                try await test.open("default")
            }
            do {
                try await body(test)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private init(
        _ configuration: HTTPConfiguration, _ store: any EventStore, _ ledger: any NotificationLedger,
        _ tokens: TokensInMemory, _ serials: (any SerialNumbers)?, _ keys: any DeviceKeys, _ limit: DeviceLimit?,
        _ recordsReads: Bool
    ) {
        self.tokens = tokens
        self.keys = keys
        self.store = store
        let snapshots = InMemorySnapshotStore()
        devices = Directory(store: store, snapshots: snapshots)
        accounts = Directory(store: store, snapshots: snapshots)
        alerts = Directory(store: store, snapshots: snapshots)
        rollouts = Directory(store: store, snapshots: snapshots)
        queries = FoldedQueries(store: store)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        catalog = TelemetryCatalog(log: store, logger: logger)
        gateway = HTTPGateway(
            configuration: configuration, store: store, search: FoldedLogSearch(store: store), devices: devices,
            accounts: accounts, alerts: alerts,
            rollouts: rollouts,
            queries: queries, past: FoldedPast(store: store), seals: SealsInMemory(store: store),
            serials: serials ?? queries,
            notifications: ledger, workflows: OneStoppedWorkflow(), tokens: tokens, credentials: credentials,
            deviceKeys: keys, catalog: catalog, limit: limit,
            reads: ReadRecorder(store: recordsReads ? store : InMemoryEventStore()), rebuilds: rebuilds,
            progress: progress,
            readiness: readiness,
            metrics: PrometheusMetrics(),
            logger: logger)
        group = ServiceGroup(configuration: .init(services: [catalog, gateway], logger: logger))
    }

    func shutDown() async { await group.triggerGracefulShutdown() }

    func open(_ account: String) async throws {
        try await accounts.send(
            CommandEnvelope(
                id: .v7(), .open(id: AccountID(account), name: account),
                context: CommandContext(time: .now(), principal: .system, scope: .all)), to: account)
    }

    /// A request and its answer over a connection of their own.
    ///
    /// - Parameter token: the admin's if nil, none if empty.
    func ask(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String: String] = [:],
        token: String? = nil
    ) async throws -> Reply {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        let token = token ?? admin
        if !token.isEmpty { head += "Authorization: Bearer \(token)\r\n" }
        if let body {
            if headers["Content-Type"] == nil { head += "Content-Type: application/json\r\n" }
            head += "Content-Length: \(body.utf8.count)\r\n"
        }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let connection = try RawConnection(port: port)
        await connection.send(head + "\r\n" + (body ?? ""))
        return Reply(try await connection.readToEnd())
    }

    func ask(
        _ method: String, _ path: String, _ headers: [String: String], token: String? = nil
    ) async throws -> Reply { try await ask(method, path, nil, headers, token: token) }

    /// Registers a device and returns its id.
    func register(_ serial: String = "s-1", account: String = "default") async throws -> String {
        let reply = try await ask(
            "POST", "/api/v1/devices", #"{"serial":"\#(serial)","type":"smoke","account":"\#(account)"}"#)
        return try #require(reply[text: "id"], "\(reply)")
    }

    /// Records a reading, as the MQTT side would.
    func record(_ value: Double, of metric: String = "temperature", for device: String, seq: Int64? = nil) async throws
    {
        try await devices.send(
            CommandEnvelope(
                id: .v7(),
                .recordTelemetry(Telemetry(metrics: [metric: .number(value)], seq: seq, clock: .device)),
                context: CommandContext(time: .now(), principal: .device(device), scope: .all)), to: device)
    }

    /// A token that may see and change one account only.
    func token(_ role: APIToken.Role = .admin, for account: String) async throws -> String {
        try await tokens.createToken(named: account, role: role, account: AccountID(account))
    }
}

func configured(_ configure: (inout HTTPConfiguration) -> Void) -> HTTPConfiguration {
    var configuration = HTTPConfiguration(port: 0)
    configure(&configuration)
    return configuration
}
