import Projections
import Runtime

/// Reads and folds with this program what another has written.
struct DeployCheck: Sendable {
    /// The events of one type and schema version.
    struct Kind: Sendable, Encodable {
        var category: String
        var type: String
        var schemaVersion: Int32
        var events: Int64 = 0
        var read: Int64 = 0
        var failed: Int64 = 0
        /// One of them: the first that cannot be read, if any.
        var position: Int64
        /// Why that one cannot be read.
        var problem: String?

        var name: String { "\(category) \(type), schema version \(schemaVersion)" }
    }

    struct Result: Sendable, Encodable {
        var ok = true
        var head: Int64 = 0
        var streams = 0
        var kinds: [Kind] = []
        /// What broke when whole streams were folded.
        var folds: [AuditFinding] = []
    }

    fileprivate struct Key: Hashable {
        var category: String
        var type: String
        var schemaVersion: Int32
    }

    /// A log up to this long is read whole.
    private static let shortLog: Int64 = 100_000
    /// In how many parts a log is counted; each gives two events of each kind to read.
    private static let parts: Int64 = 100

    let log: LogAccess
    let readsAll: Bool
    /// How many streams of each kind are folded.
    let streams: Int

    /// - Throws: `PostgresError` or `EventStoreError` if the database does not answer.
    func run(_ progress: (Int64, Int64) -> Void) async throws -> Result {
        var result = Result()
        result.head = try await log.store.head().position
        var kinds: [Key: Kind] = [:]
        var found: [Key: Set<StreamName>] = [:]
        func take(_ event: RecordedEvent) {
            let key = Key(category: event.stream.category, type: event.type, schemaVersion: event.schemaVersion)
            read(event, as: &kinds[key, default: Kind(key, at: event.position)])
            if found[key, default: []].count < streams { found[key, default: []].insert(event.stream) }
        }
        let examples = try await count(upTo: result.head, into: &kinds)
        if readsAll || result.head <= Self.shortLog {
            try await log.store.streamLog(after: 0, through: result.head, category: nil) { page in
                page.events.forEach(take)
                progress(page.end, result.head)
            }
        } else {
            for (done, position) in examples.enumerated() {
                let page = try await log.store.readLog(after: position - 1, where: .everything, limit: 1)
                page.events.forEach(take)
                progress(Int64(done + 1), Int64(examples.count))
            }
        }
        let chosen = Set(found.values.joined())
        for stream in chosen.sorted(by: { $0.description < $1.description }) {
            result.folds += try await fold(stream)
        }
        result.streams = chosen.count
        result.kinds = kinds.values.sorted { $0.name < $1.name }
        result.ok = result.folds.isEmpty && result.kinds.allSatisfy { $0.problem == nil }
        return result
    }

    /// Counts the events of each kind, and returns positions of some of each, spread over the log.
    private func count(upTo head: Int64, into kinds: inout [Key: Kind]) async throws -> [Int64] {
        let size = max(100, head / Self.parts + 1)
        var examples: Set<Int64> = []
        for start in stride(from: 0, to: head, by: Int64.Stride(size)) {
            let rows = try await log.pool.withConnection { connection in
                try await connection.query(
                    Self.kinds(.int8(start), .int8(min(head, start + size))), timeout: .seconds(600))
            }
            for row in rows {
                let key = Key(category: try row.text(0), type: try row.text(1), schemaVersion: try row.int4(2))
                let (first, last) = (try row.int8(4), try row.int8(5))
                kinds[key, default: Kind(key, at: first)].events += try row.int8(3)
                examples.formUnion([first, last])
            }
        }
        return examples.sorted()
    }

    private func read(_ event: RecordedEvent, as kind: inout Kind) {
        kind.read += 1
        do {
            guard let decode = KnownEvents.decoders[event.stream.category] else {
                throw EventCodecError.unknownType(event.type)
            }
            try decode(event)
        } catch {
            kind.failed += 1
            guard kind.problem == nil else { return }
            kind.position = event.position
            kind.problem = String(describing: error)
        }
    }

    /// What breaks when the stream is folded.
    private func fold(_ stream: StreamName) async throws -> [AuditFinding] {
        var laws = (KnownEvents.laws + KnownEvents.folds).filter { $0.category == stream.category }
        var findings = AuditFindings()
        let floor = try await LogAudit.floor(of: stream, in: log.pool)
        for index in laws.indices {
            laws[index].begin(stream, floor: floor.version, snapshots: floor.snapshots, &findings)
        }
        var version: Int64 = 0
        while true {
            let page = try await log.store.readStream(stream, from: version + 1, limit: 1_000)
            for event in page {
                for index in laws.indices { laws[index].take(event, &findings) }
                version = event.version
            }
            if page.count < 1_000 { break }
        }
        for index in laws.indices { laws[index].end(&findings) }
        return findings.first
    }

    private static let kinds = Statement(
        "check_kinds",
        """
        select category, type, schema_version, count(*), min(position), max(position) from events
        where position > $1 and position <= $2 group by category, type, schema_version
        """)
}

extension DeployCheck.Kind {
    fileprivate init(_ key: DeployCheck.Key, at position: Int64) {
        self.init(category: key.category, type: key.type, schemaVersion: key.schemaVersion, position: position)
    }
}
