package import Logging
import Runtime

/// Keeps the broker's `password_file` and `acl_file`, and makes the broker read them again.
///
/// The broker knows no single change: each rewrite holds everybody. So changes gather while one rewrite runs, and the
/// pause after a rewrite grows with what it cost.
package actor BrokerAccounts: CredentialChanges {
    package struct Files: Sendable {
        package var passwords: String
        package var access: String

        package init(passwords: String, access: String) {
            self.passwords = passwords
            self.access = access
        }
    }

    /// At most five rewrites a second.
    private static let pause = Duration.milliseconds(200)
    /// How often everybody is read again, for what other servers have deleted.
    private static let refresh = Duration.seconds(60)

    private let files: Files
    private let gateway: (user: String, password: String)
    private let verifiers: any DeviceVerifiers
    private let reload: @Sendable () async throws -> Void
    private let logger: Logger
    /// What the broker was last told.
    private var known: [String: String] = [:]
    private var gatewayVerifier: String?
    private var changedDevices: Set<String> = []
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private let wake: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation
    private var isRunning = false

    /// - Parameter reload: makes the broker read its files again, and returns when it has.
    package init(
        _ files: Files, gatewayUser: String, gatewayPassword: String, verifiers: any DeviceVerifiers, logger: Logger,
        reload: @escaping @Sendable () async throws -> Void
    ) {
        self.files = files
        gateway = (gatewayUser, gatewayPassword)
        self.verifiers = verifiers
        self.logger = logger
        self.reload = reload
        (wake, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns when the broker knows the device's present key, or when that has failed and will be tried again.
    package func changed(device: String) async {
        guard isRunning else { return }
        changedDevices.insert(device)
        await withCheckedContinuation { waiter in
            waiters.append(waiter)
            ring.yield()
        }
    }

    func runUntilCancelled() async {
        isRunning = true
        defer {
            isRunning = false
            for waiter in waiters { waiter.resume() }
            waiters = []
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { while (try? await Task.sleep(for: Self.refresh)) != nil { self.ring.yield() } }
            await keepUp()
            group.cancelAll()
        }
    }

    private func keepUp() async {
        var backoff = Backoff(first: .milliseconds(200), limit: .seconds(10))
        var nextRefresh = ContinuousClock.now
        ring.yield()
        for await _ in wake {
            let start = ContinuousClock.now
            let devices = changedDevices
            let served = waiters
            changedDevices = []
            waiters = []
            var rest = Self.pause
            do {
                let isRefresh = start >= nextRefresh
                try await rewrite(isRefresh ? nil : devices)
                if isRefresh { nextRefresh = start + Self.refresh }
                backoff.reset()
                rest = max(rest, (ContinuousClock.now - start) * 2)
            } catch {
                logger.error("The broker's accounts cannot be written", metadata: ["reason": "\(error)"])
                changedDevices.formUnion(devices)
                nextRefresh = start
                rest = backoff.next()
                ring.yield()
            }
            for waiter in served { waiter.resume() }
            if (try? await Task.sleep(for: rest)) == nil { return }
        }
    }

    /// Reads all verifiers if `devices` is nil.
    private func rewrite(_ devices: Set<String>?) async throws {
        var next = known
        if let devices {
            let recent = try await verifiers.recent(and: Array(devices))
            for device in devices where recent[device] == nil { next[device] = nil }
            next.merge(recent) { _, new in new }
        } else {
            next = try await verifiers.all()
        }
        let isFirst = gatewayVerifier == nil
        if !isFirst, next == known { return }
        if isFirst {
            let access = BrokerAccess.accessText(gatewayUser: gateway.user)
            try ReplacedFile.replace(files.access, with: Array(access.utf8))
        }
        let verifier = try gatewayVerifier ?? GatewayVerifier.make(of: gateway.password)
        let text = BrokerAccess.passwordText(gateway: (gateway.user, verifier), devices: next)
        try ReplacedFile.replace(files.passwords, with: text)
        try await reload()
        known = next
        gatewayVerifier = verifier
    }
}
