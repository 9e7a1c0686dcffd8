import Runtime

/// The events that writers in step would append, in batches of one event each as far as the store's limit allows: the
/// most that as many writers in a closed loop can produce.
struct LogRows: Sendable {
    let writers: Int
    let versions: Int
    private let firstWriter: Int

    /// - Parameter firstWriter: the number of the first one, so that others can have written before.
    init(writers: Int, events: Int, firstWriter: Int = 0) {
        self.writers = writers
        self.firstWriter = firstWriter
        versions = max(1, events / writers)
    }

    var count: Int { writers * versions }

    var batches: [[Append]] {
        let sample = SampleEvents()
        let limit = CommitQueue<Never>.Limits().batchEvents
        return (1...versions).flatMap { version in
            stride(from: 0, to: writers, by: limit).map { first in
                (first..<min(first + limit, writers)).map {
                    sample.append(of: firstWriter + $0, version: Int64(version))
                }
            }
        }
    }
}
