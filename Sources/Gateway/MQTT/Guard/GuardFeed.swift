import Aggregates
package import Logging
package import Runtime

/// Keeps the table of the broker's guard as the database has it.
///
/// Whenever it connects it sends everything once, since the broker may have started anew, and changes from then on. What
/// is older than what the guard knows of a device changes nothing there, so several servers may do this at once.
package actor GuardFeed: CredentialChanges {
    private enum State {
        /// Not tried yet, or the table is being sent.
        case filling
        case live(GuardLink)
        case disconnected
    }

    /// Devices of one message, of about 100 bytes each.
    private static let messageDevices = 500
    /// How often changes of other servers, and keys whose time has run out, are looked for.
    private static let interval = Duration.seconds(1)
    package static let memory = Duration.seconds(1_800)
    /// How long a change waits for a table that is being sent.
    private static let patience = Duration.seconds(5)

    private let address: BrokerAddress
    private let clientID: String
    private let reserved: [String]
    private let limit: DeviceLimit
    private let catalog: TelemetryCatalog?
    private let source: any DeviceAccessSource
    private let hear: @Sendable (ReceivedMessage) -> Void
    private let thread: PollThread
    private let memory: Duration
    private let logger: Logger
    private var state = State.filling
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var isRunning = false

    /// - Parameters:
    ///   - reserved: client ids that nobody but the gateway may take.
    ///   - limit: what a device may send where it and its type say nothing else.
    ///   - catalog: what the types say.
    ///   - memory: for how long the database surely remembers which keys have ended.
    ///   - hear: called with what the guard says; must not wait.
    package init(
        to address: BrokerAddress, server: String, reserved: [String], limit: DeviceLimit,
        catalog: TelemetryCatalog? = nil, source: any DeviceAccessSource, memory: Duration = GuardFeed.memory,
        on thread: PollThread, logger: Logger,
        hear: @escaping @Sendable (ReceivedMessage) -> Void
    ) {
        self.address = address
        clientID = "fleetlog-guard-\(server)"
        self.reserved = reserved
        self.limit = limit
        self.catalog = catalog
        self.source = source
        self.memory = memory
        self.hear = hear
        self.thread = thread
        self.logger = logger
    }

    /// Returns when the guard knows the devices' present keys, or cannot be told now and will be told everything later.
    package func changed(devices: [String]) async {
        guard isRunning else { return }
        if case .filling = state { await filled() }
        guard case .live(let link) = state else { return }
        do {
            let accesses = try await source.access(of: devices)
            for start in stride(from: 0, to: accesses.count, by: Self.messageDevices) {
                let part = Array(accesses[start...].prefix(Self.messageDevices))
                try await link.send(.update(part, limit: resolved(by: catalog?.current)))
            }
        } catch {
            // The next look at the changes, or the next connection, brings it.
            logger.warning("The broker's guard could not be told of a change", metadata: ["reason": "\(error)"])
        }
    }

    package func runUntilCancelled() async {
        isRunning = true
        defer {
            isRunning = false
            settle(.disconnected)
        }
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(2))
        while !Task.isCancelled {
            do {
                let link = try GuardLink(to: address, clientID: clientID, on: thread)
                let status = try await link.greet()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { [hear] in throw await link.serve(hear) }
                    group.addTask { try await self.keepUp(link, from: status) }
                    defer { group.cancelAll() }
                    backoff.reset()
                    try await group.next()
                }
            } catch is CancellationError {
                return
            } catch {
                settle(.disconnected)
                if Task.isCancelled { return }
                logger.warning("The broker's guard cannot be told who may come in", metadata: ["reason": "\(error)"])
            }
            if (try? await Task.sleep(for: backoff.next())) == nil { return }
            state = .filling
        }
    }

    private func keepUp(_ link: GuardLink, from status: GuardStatus) async throws {
        var schemas = catalog?.current
        var revision = try await fill(link, status, by: schemas)
        settle(.live(link))
        var (looked, isAway) = (Timestamp.now(), false)
        while true {
            try await Task.sleep(for: Self.interval)
            let now = Timestamp.now()
            let changes: [DeviceAccess]
            let expired: [DeviceAccess]
            do {
                let newer = catalog?.current
                try await tell(link, from: schemas, to: newer)
                schemas = newer
                changes = try await source.changes(after: revision, limit: Self.messageDevices)
                // Looked at twice, since the two clocks may differ by a little.
                expired = try await source.expired(since: looked + .seconds(-10))
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // What the guard knows holds; what has changed meanwhile comes when the database is back.
                if !isAway { logger.warning("Changes for the broker's guard wait", metadata: ["reason": "\(error)"]) }
                isAway = true
                continue
            }
            isAway = false
            // Of what has ended meanwhile some may be forgotten: the next connection brings everything anew.
            guard now - looked < memory else { throw LongAway() }
            if let last = changes.last {
                try await link.send(.update(changes, limit: resolved(by: schemas)))
                revision = last.revision
            }
            if !expired.isEmpty { try await link.send(.update(expired, limit: resolved(by: schemas))) }
            looked = now
        }
    }

    /// Sends everything, and returns up to which revision that is.
    private func fill(_ link: GuardLink, _ status: GuardStatus, by schemas: TelemetrySchemas?) async throws -> Int64 {
        let (revision, devices) = try await source.extent()
        let load = UInt64.random(in: .min ... .max)
        // A guard that knows more than the database has seen another past, for example that before a restored backup.
        try await link.send(
            .begin(load: load, isReset: status.revision > revision, devices: devices, reserved: reserved))
        var (last, messages) = ("", 0)
        while case let page = try await source.page(after: last, limit: Self.messageDevices), let end = page.last {
            try await link.send(.entries(load: load, page, limit: resolved(by: schemas)))
            (last, messages) = (end.device, messages + 1)
        }
        try await link.send(.commit(load: load, messages: messages, revision: revision))
        return revision
    }

    /// Tells of all devices whose types' limits have changed. Their revisions have not; the guard takes an equal one.
    private func tell(_ link: GuardLink, from old: TelemetrySchemas?, to new: TelemetrySchemas?) async throws {
        guard old !== new else { return }
        let (before, after) = (old?.limits ?? [:], new?.limits ?? [:])
        for type in Set(before.keys).union(after.keys) where before[type] != after[type] {
            var last = ""
            while case let page = try await source.page(of: type, after: last, limit: Self.messageDevices),
                let end = page.last
            {
                try await link.send(.update(page, limit: resolved(by: new)))
                last = end.device
            }
        }
    }

    private func resolved(by schemas: TelemetrySchemas?) -> (DeviceAccess) -> DeviceLimit {
        { [limit] in $0.limit(by: schemas, limit) }
    }

    private func filled() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForSettling() }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                await self.releaseWaiters()
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForSettling() async {
        guard case .filling = state else { return }
        await withCheckedContinuation { waiters.append($0) }
    }

    private func releaseWaiters() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    private func settle(_ next: State) {
        state = next
        releaseWaiters()
    }
}

private struct LongAway: Error, CustomStringConvertible {
    let description = "Postgres could not be asked for so long that keys may have ended unseen"
}
