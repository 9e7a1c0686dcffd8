/// A role that one server has at a time. Several ask; one is let in.
package protocol Lease: Sendable {
    /// Waits for the role, runs `body` while it lasts, and cancels `body` when it is lost. Returns when `body` has.
    func lead(_ body: @escaping @Sendable () async -> Void) async
}

/// What a lease is for.
package struct LeaseRole: Sendable, Hashable {
    package let name: String
    /// The number of the advisory lock; each role has its own.
    package let key: Int64

    package init(_ name: String, key: Int64) {
        self.name = name
        self.key = key
    }
}
