/// Who has which connection and who waits for one: the pool without its connections' work. Decides under the pool's
/// lock; what is to be done outside of it comes back as a value.
struct PoolState<Connection: AnyObject & Sendable>: ~Copyable {
    typealias Waiter = CheckedContinuation<Result<Connection, PostgresError>, Never>

    enum Borrowed {
        case connection(Connection)
        case mustWait
        case refused(PostgresError)
    }
    enum Returned {
        case toIdle
        case toWaiter(Waiter, Connection)
        case dropped(Connection)
    }

    private let size: Int
    private let waiterLimit: Int
    private var isClosed = false
    /// The most recently used last, so that the others may rest.
    private var idle: [Connection] = []
    /// All open connections, idle and lent.
    private var count = 0
    private var waiters: [(id: UInt64, waiter: Waiter)] = []
    private var isConnecting = false
    /// A connection broke by itself, so the next attempt is due whether or not somebody waits.
    private var isSuspicious = false
    private(set) var isReachable = false
    private var lastFailure: PostgresError?

    init(size: Int, waiterLimit: Int) {
        self.size = size
        self.waiterLimit = waiterLimit
    }

    mutating func borrow() -> Borrowed {
        if isClosed { return .refused(.closed) }
        if let connection = idle.popLast() { return .connection(connection) }
        return waiters.count >= waiterLimit ? .refused(.poolExhausted) : .mustWait
    }

    /// Like `borrow`, but takes the waiter in; nil if it has to wait.
    mutating func enqueue(_ waiter: Waiter, _ id: UInt64) -> Result<Connection, PostgresError>? {
        switch borrow() {
        case .connection(let connection): return .success(connection)
        case .refused(let error): return .failure(error)
        case .mustWait:
            waiters.append((id, waiter))
            return nil
        }
    }

    /// Takes a waiter out whose time is up; nil if it was served meanwhile.
    mutating func expire(_ id: UInt64) -> (Waiter, PostgresError)? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        let waiter = waiters.remove(at: index).waiter
        return (waiter, isReachable ? .poolExhausted : lastFailure ?? .poolExhausted)
    }

    mutating func giveBack(_ connection: Connection, isIdle: Bool) -> Returned {
        guard isIdle, !isClosed else {
            count -= 1
            return .dropped(connection)
        }
        return place(connection)
    }

    private mutating func place(_ connection: Connection) -> Returned {
        guard waiters.isEmpty else { return .toWaiter(waiters.removeFirst().waiter, connection) }
        idle.append(connection)
        return .toIdle
    }

    /// A connection broke by itself; a lent one is counted out when it is given back.
    mutating func noticeLoss(of connection: Connection) {
        isSuspicious = true
        guard let index = idle.firstIndex(where: { $0 === connection }) else { return }
        idle.remove(at: index)
        count -= 1
    }

    /// True if somebody must now open connections; that somebody calls `wantsConnection` before each.
    mutating func startConnecting() -> Bool {
        guard !isConnecting, needsConnection else { return false }
        isConnecting = true
        return true
    }

    mutating func wantsConnection() -> Bool {
        if !needsConnection { isConnecting = false }
        return isConnecting
    }

    private var needsConnection: Bool {
        !isClosed && count < size && (!waiters.isEmpty || isSuspicious || lastFailure != nil || count == 0)
    }

    mutating func connected(_ connection: Connection) -> Returned {
        isReachable = true
        isSuspicious = false
        lastFailure = nil
        guard !isClosed else { return .dropped(connection) }
        count += 1
        return place(connection)
    }

    mutating func failedToConnect(_ error: PostgresError) {
        isReachable = false
        lastFailure = error
    }

    /// The idle connections, to be checked and given back one by one.
    mutating func takeIdle() -> [Connection] {
        defer { idle = [] }
        return idle
    }

    mutating func close() -> (waiters: [Waiter], idle: [Connection]) {
        isClosed = true
        isReachable = false
        defer {
            count -= idle.count
            waiters = []
            idle = []
        }
        return (waiters.map(\.waiter), idle)
    }
}
