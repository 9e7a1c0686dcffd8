import Aggregates
import Gateway
import Logging
import Metrics
import Projections
import Runtime
import ServiceLifecycle
import UnixSignals
import Workflows

/// One server: the services in the order of their dependencies, which is the architecture on one screen.
struct Server {
    let http: HTTPGateway
    let tokens: PostgresTokenStore
    private let services: [any Service]
    private let threads: [PollThread]
    private let transfers: [TransferThread]
    private let logger: Logger

    /// Checks the database, migrates it if the settings allow that, and opens the account `default`.
    ///
    /// - Throws: if the database cannot be reached, is not durable, or has another schema than this program.
    static func start(_ settings: ServerSettings) async throws -> Server {
        let logger = Logger(label: "fleetlog")
        settings.failpoint?.arm()
        if let owner = settings.migrationDatabaseURL {
            _ = try await Schema.migrate(owner, logger: logger)
        }
        return try await Server(settings, logger: logger)
    }

    private init(_ settings: ServerSettings, logger: Logger) async throws {
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        let url = try DatabaseURL(settings.databaseURL)
        let (appending, reading, ingesting) = (
            try PollThread(name: "appending"), try PollThread(name: "reading"), try PollThread(name: "ingesting")
        )

        let pool = PostgresPool(url: url, size: settings.databasePoolSize, threads: [reading], logger: logger)
        do {
            try await pool.withConnection { connection in
                try await checkDurability(connection)
                try await Schema.check(connection)
            }
        } catch {
            pool.close()
            await reading.end()
            throw error
        }
        let store = PostgresEventStore(
            url: url, pool: pool, thread: appending, telemetry: KnownEvents.telemetry, logger: logger)
        let feed = LogFeed(of: store, decoding: KnownEvents.aggregates, logger: logger)
        let snapshots = PostgresSnapshotStore(pool: pool, logger: logger)
        let devices = Directory<Device>(
            store: store, snapshots: snapshots, passivation: settings.passivation,
            redeliveryWindow: settings.redeliveryWindow)
        let accounts = Directory<Account>(
            store: store, snapshots: snapshots, passivation: settings.passivation,
            redeliveryWindow: settings.redeliveryWindow)
        let alerts = Directory<Alert>(
            store: store, snapshots: snapshots, passivation: settings.passivation,
            redeliveryWindow: settings.redeliveryWindow)
        let rollouts = Directory<Rollout>(
            store: store, snapshots: snapshots, passivation: settings.passivation,
            redeliveryWindow: settings.redeliveryWindow)
        try await Self.openDefaultAccount(accounts)
        let catalog = TelemetryCatalog(log: store, clockDriftSeconds: settings.clockDriftSeconds, logger: logger)
        try await catalog.load()

        let progress = ViewProgress()
        let devicesView = ProjectionRunner(
            DevicesProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let accountsView = ProjectionRunner(
            AccountsProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let alertsView = ProjectionRunner(
            AlertsProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let telemetryView = ProjectionRunner(
            TelemetryProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let statesView = ProjectionRunner(
            StatesProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let rolloutsView = ProjectionRunner(
            RolloutsProjection.self, log: feed, pool: pool, logger: logger, progress: progress)
        let rolloutDevicesView = ProjectionRunner(
            RolloutDevicesProjection.self, log: feed, pool: pool, logger: logger, progress: progress)

        let rebuilder = RebuildRunner(
            KnownEvents.views, store: store, pool: pool,
            lease: PostgresLease(.rebuilds, url: url, on: reading, server: settings.mqtt.server, logger: logger),
            logger: logger)

        let pasts = PastBuilder(KnownEvents.views, store: store, pool: pool, logger: logger)
        let viewCount = ViewCount(KnownEvents.views, pool: pool, logger: logger)

        // A page is folded between two statements, for ten seconds at most if the code of a view is what it should be.
        let viewWatch = IdleHolderWatch(of: "checkpoints", patience: .seconds(30), pool: pool, logger: logger)

        let (posting, mailing) = (try TransferThread(name: "posting"), try TransferThread(name: "mailing"))
        let pump = DeliveryPump(
            pool: pool, accounts: accounts,
            channels: .init(
                webhook: WebhookChannel(settings.notifications.webhooks, on: posting),
                email: MailChannel(settings.notifications.mail, on: mailing)), logger: logger)
        let dispatcher = NotificationDispatcher(
            pool: pool, accounts: accounts, deliveries: pump.bell, logger: logger)

        let workflows = WorkflowRunner(
            KnownEvents.workflows,
            store: store, feed: feed, pool: pool,
            dispatch: CommandDispatch(
                devices: DirectorySink(devices), alerts: DirectorySink(alerts), rollouts: DirectorySink(rollouts)),
            lease: PostgresLease(.workflows, url: url, on: reading, server: settings.mqtt.server, logger: logger),
            server: settings.mqtt.server, logger: logger,
            observe: { [bell = dispatcher.bell] happening in
                if case .recorded(let step) = happening, step.notifications > 0 { bell.ring() }
            })

        let (configurations, commands) = (Bell(), Bell())
        let mqtt = MQTTGateway(
            settings.mqtt, directory: devices, rollouts: rollouts, store: store, feed: feed,
            lease: PostgresLease(.ingest, url: url, on: reading, server: settings.mqtt.server, logger: logger),
            parking: PostgresParkingStore(pool: pool, log: store), ledger: PostgresFirmwareLedger(pool: pool),
            configurations: (PostgresConfigurationOutbox(pool: pool), configurations),
            commands: (PostgresCommandOutbox(pool: pool), commands),
            catalog: catalog, access: PostgresDeviceAccess(pool: pool), on: ingesting, logger: logger)
        tokens = PostgresTokenStore(pool: pool, store: store)
        http = HTTPGateway(
            configuration: settings.http, store: store, search: PostgresLogSearch(pool: pool), feed: feed,
            devices: devices, accounts: accounts, alerts: alerts,
            rollouts: rollouts, queries: PostgresFleetQueries(pool: pool),
            past: PostgresPastViews(KnownEvents.views, pool: pool),
            seals: SealedTree(pool: pool),
            serials: PostgresSerialNumbers(pool: pool),
            notifications: PostgresNotificationLedger(pool: pool, pump: pump.bell),
            workflows: PostgresWorkflowQueries(pool: pool), tokens: tokens, credentials: mqtt,
            deviceKeys: PostgresDeviceKeys(pool: pool), catalog: catalog, configurations: configurations,
            commands: commands, limit: settings.mqtt.guardLimit, reads: ReadRecorder(store: store),
            rebuilds: PostgresRebuilds(KnownEvents.views, store: store, pool: pool),
            progress: progress, readiness: ServerReadiness(pool: pool, mqtt: mqtt), metrics: metrics, logger: logger)

        let purge = AcceptancePurge(pool: pool, window: settings.commandWindow, logger: logger)
        let credentialPurge = EndedCredentialPurge(pool: pool, logger: logger)
        let driftWatch = DriftWatch(
            [
                .init(devices, store: store, snapshots: snapshots), .init(accounts, store: store, snapshots: snapshots),
                .init(alerts, store: store, snapshots: snapshots), .init(rollouts, store: store, snapshots: snapshots),
            ], interval: settings.driftCheckInterval, logger: logger)

        let sealer = LogSealer(
            pool: pool,
            lease: PostgresLease(.seals, url: url, on: reading, server: settings.mqtt.server, logger: logger),
            keys: { [seals = settings.seals] in try seals.keyFile?.keys() ?? [] },
            announcing: { try HeadLetters.statements(of: $0) },
            publish: { [seals = settings.seals, bell = dispatcher.bell] head in
                bell.ring()
                seals.keep(head, logger: logger)
            }, logger: logger)
        let diskWatch = DiskWatch(pool: pool, disk: settings.disk, logger: logger)

        services = [
            pool, store, feed, snapshots, devices, accounts, alerts, rollouts, devicesView, accountsView, alertsView,
            telemetryView, statesView, rolloutsView, rolloutDevicesView, viewWatch, rebuilder, viewCount, pasts, sealer,
            purge, credentialPurge,
            driftWatch, diskWatch,
            catalog, pump,
            dispatcher,
            workflows, mqtt, http,
        ]
        threads = [appending, reading, ingesting]
        transfers = [posting, mailing]
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT, beside the servers that it needs and the clients that come with it.
    ///
    /// Services stop in reverse order: clients first, then the gateways, the log last, and then what it rests on.
    func run(above foundation: [any Service] = [], below clients: [any Service] = []) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: (foundation + services + clients).map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch {
            await endThreads()
            throw error
        }
        await endThreads()
    }

    private func endThreads() async {
        for thread in transfers { await thread.end() }
        for thread in threads { await thread.end() }
    }

    private static func openDefaultAccount(_ accounts: Directory<Account>) async throws {
        let open = CommandEnvelope<Account.Command>(
            id: .v7(), .open(id: .default, name: "Default"),
            context: CommandContext(time: .now(), principal: .system, scope: .all))
        do throws(DispatchError<Account.Rejection>) {
            try await accounts.send(open, to: AccountID.default.rawValue)
        } catch .rejected(.alreadyOpen) {
            // Opened at an earlier start.
        }
    }
}
