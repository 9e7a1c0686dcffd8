internal import Synchronization

/// How much memory the actors of several directories may take up together, by estimate.
///
/// Beyond the limit a directory puts actors to sleep as long as it holds more than an equal share. At least one does,
/// since the shares make up the whole; and the few actors of one kind never make room for the many of another.
package final class ActorMemory: Sendable {
    package let limit: Int
    private let used = Atomic<Int>(0)
    private let directories = Atomic<Int>(0)

    /// - Parameter limit: in bytes.
    package init(limit: Int) { self.limit = limit }

    package static var unlimited: ActorMemory { ActorMemory(limit: .max) }

    /// What all actors take up now, in bytes.
    package var bytes: Int { used.load(ordering: .relaxed) }

    func share() -> Share {
        directories.add(1, ordering: .relaxed)
        return Share(of: self)
    }

    /// One directory's part.
    final class Share: Sendable {
        private let whole: ActorMemory
        private let used = Atomic<Int>(0)

        fileprivate init(of whole: ActorMemory) { self.whole = whole }

        var bytes: Int { used.load(ordering: .relaxed) }

        func add(_ bytes: Int) {
            used.add(bytes, ordering: .relaxed)
            whole.used.add(bytes, ordering: .relaxed)
        }

        var mustShrink: Bool {
            whole.bytes > whole.limit
                && bytes > whole.limit / max(1, whole.directories.load(ordering: .relaxed))
        }
    }
}
