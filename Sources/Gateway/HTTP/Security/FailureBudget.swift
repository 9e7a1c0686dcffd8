import Synchronization

/// How many wrong tokens an address may send: some at once, then one every few seconds. Each address pays for itself.
final class FailureBudget: Sendable {
    private struct Account {
        var credit: Double
        var settled: ContinuousClock.Instant
    }
    private let burst: Double
    private let secondsPerFailure: Double
    private let capacity: Int
    private let accounts = Mutex<[String: Account]>([:])

    init(burst: Int = 20, secondsPerFailure: Double = 3, capacity: Int = 10_000) {
        self.burst = Double(burst)
        self.secondsPerFailure = secondsPerFailure
        self.capacity = capacity
    }

    /// - Throws: 429 if the address has used up its budget.
    func check(_ peer: Peer) throws(Problem) {
        let credit = accounts.withLock { accounts in
            accounts[peer.network].map { balance($0, at: .now) } ?? burst
        }
        guard credit >= 1 else {
            throw .tooManyFailures(retryAfter: Int(((1 - credit) * secondsPerFailure).rounded(.up)))
        }
    }

    /// - Throws: 429 if the address had used up its budget before.
    func charge(_ peer: Peer) throws(Problem) {
        try check(peer)
        accounts.withLock { accounts in
            let now = ContinuousClock.now
            if accounts.count >= capacity, accounts[peer.network] == nil { makeRoom(in: &accounts, at: now) }
            let credit = accounts[peer.network].map { balance($0, at: now) } ?? burst
            accounts[peer.network] = Account(credit: credit - 1, settled: now)
        }
    }

    private func balance(_ account: Account, at now: ContinuousClock.Instant) -> Double {
        let seconds = (now - account.settled) / .seconds(1)
        return min(burst, account.credit + seconds / secondsPerFailure)
    }

    private func makeRoom(in accounts: inout [String: Account], at now: ContinuousClock.Instant) {
        accounts = accounts.filter { balance($0.value, at: now) < burst }
        if accounts.count >= capacity { accounts.removeAll() }
    }
}
