internal import Logging
internal import Metrics
internal import Synchronization

/// Knows which actors of a directory fail. Those that do not are not in it, and cost one look at a number.
final class Supervisor: Sendable {
    private struct State {
        var wards: [String: Supervision] = [:]
        var isolated = 0
        var random = SystemRandomNumberGenerator()
    }

    private let category: String
    private let policy: SupervisionPolicy
    private let now: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    private let state = Mutex(State())
    private let count = Atomic<Int>(0)
    private let isolated: Gauge

    init(
        category: String, policy: SupervisionPolicy, now: @escaping @Sendable () -> ContinuousClock.Instant,
        logger: Logger
    ) {
        self.category = category
        self.policy = policy
        self.now = now
        self.logger = logger
        isolated = Gauge(label: "fleetlog_streams_isolated", dimensions: [("category", category)])
        isolated.record(0)
    }

    /// Whether any actor fails at all.
    var isNeeded: Bool { count.load(ordering: .relaxed) > 0 }

    /// Why the actor is not to be asked now; nil if it may be.
    func refusal(of id: String) -> Supervision.Failure? {
        guard isNeeded else { return nil }
        return state.withLock { state in
            guard let ward = state.wards[id], !ward.admits(at: now()) else { return nil }
            return ward.failure
        }
    }

    func failed(_ id: String, _ failure: Supervision.Failure) {
        let isNew = state.withLock { state in
            var ward = state.wards[id] ?? Supervision()
            let wasIsolated = ward.isIsolated
            ward.fail(failure, at: now(), by: policy, using: &state.random)
            state.wards[id] = ward
            state.isolated += (ward.isIsolated ? 1 : 0) - (wasIsolated ? 1 : 0)
            note(state)
            return ward.isIsolated && !wasIsolated
        }
        guard isNew, case .unreadable(let reason) = failure else { return }
        logger.error(
            "A stream cannot be read and is isolated", metadata: ["stream": "\(category)-\(id)", "reason": "\(reason)"])
    }

    /// The stream could be read to its end.
    func wasRead(_ id: String) {
        let ward: Supervision? = state.withLock { state in
            guard let ward = state.wards[id], ward.failure != .contended else { return nil }
            state.wards[id] = nil
            if ward.isIsolated { state.isolated -= 1 }
            note(state)
            return ward
        }
        if ward?.isIsolated == true {
            logger.notice("An isolated stream can be read again", metadata: ["stream": "\(category)-\(id)"])
        }
    }

    /// What the actor had decided could be stored.
    func wasStored(_ id: String) {
        state.withLock { state in
            guard state.wards[id]?.failure == .contended else { return }
            state.wards[id] = nil
            note(state)
        }
    }

    /// Streams that cannot be read and whose time for another attempt has come, some of them.
    func due(_ limit: Int) -> [String] {
        guard isNeeded else { return [] }
        return state.withLock { state in
            let now = now()
            return state.wards.lazy.filter { _, ward in
                if case .unreadable = ward.failure { ward.admits(at: now) } else { false }
            }.prefix(limit).map(\.key)
        }
    }

    /// Has the stream tried at once; false if it is not isolated.
    func demand(_ id: String) -> Bool {
        state.withLock { state in
            guard state.wards[id]?.isIsolated == true else { return false }
            state.wards[id]?.demand(at: now())
            return true
        }
    }

    /// Forgets those that others kept changing and nobody has asked for since.
    func forgetQuiet() {
        guard isNeeded else { return }
        state.withLock { state in
            let past = now() - policy.limit
            state.wards = state.wards.filter { _, ward in ward.failure != .contended || !ward.admits(at: past) }
            note(state)
        }
    }

    /// The isolated streams with the reason, since how long, and for how long they are left alone.
    func list() -> [(id: String, reason: String, since: Duration, retry: Duration)] {
        state.withLock { state in
            let now = now()
            return state.wards.compactMap { id, ward in
                guard case .isolated(let since, let retry) = ward.standing,
                    case .unreadable(let reason) = ward.failure
                else { return nil }
                return (id, reason, now - since, max(.zero, retry - now))
            }
        }
    }

    private func note(_ state: State) {
        count.store(state.wards.count, ordering: .relaxed)
        isolated.record(state.isolated)
    }
}
