/// Which mailboxes may take how many attempts right now, so that none takes all. Pure.
///
/// Each mailbox is a lane of its own. One whose last attempt has failed gets a single slot until one succeeds: a receiver
/// that hangs holds up next to nothing.
package struct DeliveryLanes: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Attempts under way in this server.
        package var all = 256
        package var account = 64
        package var lane = 8

        package init() {}
    }

    package struct Lane: Sendable, Hashable {
        package var account: String
        package var mailbox: String

        package init(account: String, mailbox: String) {
            self.account = account
            self.mailbox = mailbox
        }
    }

    let limits: Limits
    private(set) var underWay = 0
    private var slots: [Lane: Int] = [:]
    private var accounts: [String: Int] = [:]
    private var failing: Set<Lane> = []

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    var free: Int { limits.all - underWay }

    mutating func begin(_ lane: Lane) {
        underWay += 1
        slots[lane, default: 0] += 1
        accounts[lane.account, default: 0] += 1
    }

    mutating func end(_ lane: Lane, succeeded: Bool) {
        underWay -= 1
        slots[lane] = slots[lane].flatMap { $0 > 1 ? $0 - 1 : nil }
        accounts[lane.account] = accounts[lane.account].flatMap { $0 > 1 ? $0 - 1 : nil }
        if succeeded { failing.remove(lane) } else { failing.insert(lane) }
    }

    /// The lanes that have fewer slots free than the limit, and how many.
    var restricted: [(lane: Lane, free: Int)] {
        Set(slots.keys).union(failing).map { lane in
            (lane, max(0, (failing.contains(lane) ? 1 : limits.lane) - (slots[lane] ?? 0)))
        }
    }

    /// The accounts with attempts under way, and how many more each may have.
    var restrictedAccounts: [(account: String, free: Int)] {
        accounts.map { ($0.key, max(0, limits.account - $0.value)) }
    }
}
