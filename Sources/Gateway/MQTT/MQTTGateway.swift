package import Aggregates
package import Logging
package import Runtime
import ServiceLifecycle
package import Workflows

/// Everything between the broker and the log: ingest, the link to the devices, the table of the broker's guard.
package struct MQTTGateway: Service, CredentialChanges {
    private let ingest: Ingest
    private let link: DeviceLink
    private let brokerGuard: GuardFeed?
    private let guardReports: GuardReports?
    private let status = IngestStatus()

    /// - Parameters:
    ///   - feed: where rollouts are followed; the store if nil.
    ///   - thread: libmosquitto looks names up and connects on it and blocks it meanwhile; lend it to nobody else.
    ///   - configurations: what waits to be delivered, and the bell that is rung for it; nobody delivers if nil.
    ///   - commands: the same of commands to devices.
    ///   - catalog: by which readings are judged; they are not if nil.
    ///   - access: who may come in, for the broker's guard.
    ///   - observe: called with what happens, in order, for those who want to follow it.
    package init(
        _ configuration: MQTTConfiguration, directory: Directory<Device>, rollouts: Directory<Rollout>,
        store: any EventStore, feed: (any LogSource)? = nil, lease: any Lease, parking: any ParkingStore,
        ledger: any FirmwareLedger, configurations: (outbox: any ConfigurationOutbox, bell: Bell)? = nil,
        commands: (outbox: any CommandOutbox, bell: Bell)? = nil,
        catalog: TelemetryCatalog? = nil, access: (any DeviceAccessSource)? = nil,
        on thread: PollThread, logger: Logger,
        observe: @escaping @Sendable (IngestHappening) -> Void = { _ in }
    ) {
        let link = DeviceLink(
            to: configuration.broker, server: configuration.server, ingestClientID: configuration.clientID, on: thread,
            logger: logger, probeInterval: configuration.probeInterval)
        self.link = link
        if let limit = configuration.guardLimit, let access {
            let reports = GuardReports(
                directory: directory, source: access, notices: link, metrics: GuardMetrics(), logger: logger)
            guardReports = reports
            brokerGuard = GuardFeed(
                to: configuration.broker, server: configuration.server, reserved: [configuration.clientID],
                limit: limit, catalog: catalog, source: access, on: thread, logger: logger, hear: { reports.hear($0) })
        } else {
            guardReports = nil
            brokerGuard = nil
        }
        let firmware = FirmwareSettlement(
            rollouts: rollouts, devices: directory, notices: link, logger: logger, observe: observe)
        let receipts = Receipts(devices: directory, link: link, logger: logger)
        let parked = ParkedMessages(
            store: parking, directory: directory, firmware: firmware, notices: link, receipts: receipts,
            catalog: catalog, logger: logger)
        ingest = Ingest(
            connection: IngestConnection(
                to: configuration.broker, clientID: configuration.clientID,
                topics: [
                    DeviceTopic.telemetry, DeviceTopic.status, DeviceTopic.configurationReport,
                    DeviceTopic.firmwareStatus, DeviceTopic.commandStatus,
                    WatchdogTopic.name(ofIngest: configuration.clientID),
                ], on: thread),
            lease: lease, generationLog: GenerationLog(store: store, server: configuration.server, logger: logger),
            settlement: RoundSettlement(
                directory: directory, refusals: RefusalLog(store: store, logger: logger), parked: parked,
                firmware: firmware, notices: link, receipts: receipts, logger: logger, observe: observe),
            parked: parked, catalog: catalog,
            delivery: FirmwareDelivery(
                log: feed ?? store, rollouts: rollouts, devices: directory, ledger: ledger, link: link, logger: logger),
            receipts: receipts,
            configurations: configurations.map {
                ConfigurationDelivery(
                    outbox: $0.outbox, bell: $0.bell, devices: directory, link: link, logger: logger)
            },
            commands: commands.map {
                CommandDelivery(
                    outbox: $0.outbox, bell: $0.bell, devices: directory, link: link, logger: logger)
            }, link: link, status: status, metrics: IngestMetrics(), logger: logger, observe: observe)
    }

    /// What this server's ingest is doing now.
    package var state: IngestState { status.now }
    /// Whether devices can be told anything now.
    package var isLinked: Bool { link.connectedSince != nil }

    /// Returns once the broker knows the devices' present keys.
    package func changed(devices: [String]) async { await brokerGuard?.changed(devices: devices) }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                if let brokerGuard { group.addTask { await brokerGuard.runUntilCancelled() } }
                if let guardReports { group.addTask { await guardReports.runUntilCancelled() } }
                group.addTask { await link.runUntilCancelled() }
                group.addTask { await ingest.runUntilCancelled() }
            }
        }
    }
}
