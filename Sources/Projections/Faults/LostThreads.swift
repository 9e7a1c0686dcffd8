import Synchronization

/// How many threads each rebuild has cost this process, by code that did not return.
final class LostThreads: Sendable {
    private let counts = Mutex<[Int64: Int]>([:])

    /// - Returns: how many there are with these.
    func add(_ more: Int, to rebuild: Rebuild) -> Int {
        counts.withLock { counts in
            let count = counts[rebuild.number, default: 0] + more
            counts[rebuild.number] = count
            return count
        }
    }
}
