package import Aggregates
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
package import Projections
package import Runtime
import ServiceLifecycle
package import Workflows

/// The HTTP interface and the page, from the socket to the routes.
package struct HTTPGateway: Service {
    private let configuration: HTTPConfiguration
    private let pipeline: RequestPipeline
    private let logger: Logger
    package let routes: [Route]
    /// Where it listens, once it does.
    package let listening = Listening()

    package init(
        configuration: HTTPConfiguration, store: any EventStore, search: any LogSearch,
        feed: (any LogSource)? = nil,
        devices: Directory<Device>,
        accounts: Directory<Account>, alerts: Directory<Alert>, rollouts: Directory<Rollout>,
        queries: any ViewQueries, past: any PastViews,
        seals: any SealQueries,
        serials: any SerialNumbers,
        notifications: any NotificationLedger,
        workflows: any WorkflowQueries, tokens: any TokenStore,
        credentials: any CredentialChanges, deviceKeys: any DeviceKeys, catalog: TelemetryCatalog? = nil,
        configurations: Bell = Bell(), commands: Bell = Bell(),
        limit: DeviceLimit? = nil, reads: ReadRecorder, rebuilds: any Rebuilds & ProjectionControl,
        progress: ViewProgress,
        readiness: any ReadinessCheck,
        metrics: PrometheusMetrics, logger: Logger
    ) {
        self.configuration = configuration
        self.logger = logger
        let authenticator = Authenticator(store: tokens)
        let deviceAuthenticator = DeviceAuthenticator(keys: deviceKeys)
        let administration = Administration(store: store)
        pipeline = RequestPipeline(
            configuration: configuration, authenticator: authenticator, devices: deviceAuthenticator,
            views: ViewWait(progress, atMost: configuration.viewWait),
            accountability: Accountability(reads: reads, administration: administration), metrics: metrics,
            logger: logger)
        let slots = StreamSlots(limit: configuration.streamLimit)
        let streaming = EventStreaming(
            slots: slots, authenticator: authenticator, reads: reads,
            heartbeatInterval: configuration.heartbeatInterval,
            logger: logger)
        let standings = AccountStandings(store: store, accounts: accounts)
        let pasts = PastQuestion(store: store, search: search, past: past)
        let deviceRoutes = DeviceRoutes(
            store: store, devices: devices, accounts: standings,
            serials: DeviceSerials(numbers: serials, store: store), queries: queries, credentials: credentials,
            past: pasts)
        let ofAggregates: [Route] =
            deviceRoutes.all
            + CredentialRoutes(
                routes: deviceRoutes, keys: deviceKeys,
                certificates: DeviceCertificates(
                    keys: deviceKeys, store: store, authority: configuration.deviceAuthority)
            ).all
            + DifferenceRoutes(store: store, devices: devices, accounts: accounts, rollouts: rollouts).all
            + ConfigurationRoutes(devices: deviceRoutes, bell: configurations).all
            + CommandRoutes(devices: deviceRoutes, bell: commands).all
            + LimitRoutes(devices: deviceRoutes, catalog: catalog, standard: limit).all
            + TelemetryRoutes(
                devices: devices, catalog: catalog, authenticator: deviceAuthenticator, limit: limit, metrics: metrics
            ).all
            + ClaimRoutes(devices: deviceRoutes).all
            + FleetRoutes(
                overview: FleetOverview(queries: queries, progress: progress, life: configuration.overviewLife),
                queries: queries, past: pasts
            ).all
            + FleetDifferenceRoutes(past: pasts).all
            + MetricRoutes(devices: deviceRoutes, queries: queries, catalog: catalog, past: pasts, reads: reads).all
            + StateRoutes(devices: deviceRoutes, queries: queries, catalog: catalog, past: pasts).all
            + RollingRoutes(devices: deviceRoutes, queries: queries, catalog: catalog, past: pasts).all
            + ClaimCodeRoutes(changes: AccountChanges(store: store, accounts: accounts)).all
            + AccountRoutes(store: store, accounts: accounts, queries: queries, past: pasts).all
            + AlertRoutes(store: store, alerts: alerts, queries: queries, past: pasts).all
            + RolloutRoutes(store: store, rollouts: rollouts, queries: queries, past: pasts).all
            + AccountSettingsRoutes(changes: AccountChanges(store: store, accounts: accounts)).all
            + DeviceTypeRoutes(changes: AccountChanges(store: store, accounts: accounts)).all
            + MailboxRoutes(changes: AccountChanges(store: store, accounts: accounts)).all
        let ofTheServer: [Route] =
            WorkflowRoutes(queries: workflows).all
            + NotificationRoutes(ledger: notifications, accounts: accounts, administration: administration).all
            + LogRoutes(store: store, search: search, feed: feed ?? store, streaming: streaming).all
            + ExplorerRoutes(store: store, search: search, ledger: notifications).all
            + SealRoutes(store: store, seals: seals, search: search).all
            + IsolationRoutes(supervised: [devices, accounts, alerts, rollouts]).all
            + ProjectionRoutes(queries: queries, rebuilds: rebuilds, control: rebuilds, progress: progress).all
            + RebuildRoutes(rebuilds: rebuilds).all
            + SessionRoutes(authenticator: authenticator, cookiesNeedTLS: configuration.cookiesNeedTLS).all
            + OperationRoutes(
                readiness: readiness,
                metrics: MetricsPage(
                    metrics: metrics, queries: queries, progress: progress, streams: slots),
                metricsAreOpen: configuration.metricsAreOpen
            ).all
            + PageRoutes().all
        routes = ofAggregates + ofTheServer
    }

    /// Serves until graceful shutdown; requests under way are answered, event streams end.
    ///
    /// - Throws: ``HTTPGatewayError`` if the port cannot be had.
    package func run() async throws {
        defer { listening.settle(nil) }
        let application = Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [MalformedRequestHandler()],
                    idleTimeout: .nanoseconds(Int64(configuration.idleTimeout / .nanoseconds(1))),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: configuration.largestHeader,
                        maxHeaderListSize: configuration.largestHeader, maxHeaderFieldCount: 100))),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionLimit)),
            onServerRunning: { channel in listening.settle(channel.localAddress?.port) }, logger: logger)
        do {
            try await application.run()
        } catch let error as IOError {
            throw HTTPGatewayError.cannotListen(
                host: configuration.host, port: configuration.port, reason: String(describing: error))
        }
    }

    private func router() -> Router<GatewayContext> {
        let router = Router(context: GatewayContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: FallbackResponder(pipeline: pipeline, routes: routes))
        for route in routes {
            let path = route.path.replacing("{", with: ":").replacing("}", with: "")
            router.on(RouterPath(path), method: route.method) { request, context in
                await pipeline.respond(to: request, by: route, context)
            }
        }
        return router
    }
}

package enum HTTPGatewayError: Error, Sendable, CustomStringConvertible {
    case cannotListen(host: String, port: Int, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let host, let port, let reason):
            "cannot listen for HTTP at \(host), port \(port): \(reason)"
        }
    }
}
