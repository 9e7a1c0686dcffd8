package import Logging
import Metrics
import ServiceLifecycle
import Synchronization

/// Snapshots in Postgres, written in batches by a task of their own so that no actor waits for them.
package final class PostgresSnapshotStore: SnapshotStore, Service {
    private struct Offer: Sendable {
        let version: Int64
        let encode: @Sendable () throws -> Snapshot
    }

    /// Streams whose snapshot may wait; offers beyond are dropped, since the next one makes up for them.
    private static let capacity = 10_000
    private static let batch = 500

    private let pool: PostgresPool
    private let logger: Logger
    private let waiting = Mutex<[StreamName: Offer]>([:])
    private let bell: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let written = Counter(label: "fleetlog_snapshots_written_total")
    private let plainBytes = Counter(label: "fleetlog_snapshot_plain_bytes_total")
    private let packedBytes = Counter(label: "fleetlog_snapshot_packed_bytes_total")

    package init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        bell = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        try await read(SnapshotStatements.latest(.text(stream.description))).first
    }

    package func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot] {
        let found = try await read(SnapshotStatements.latestOfMany(.textArray(streams.map(\.description))))
        return Dictionary(found.map { ($0.stream, $0) }) { first, _ in first }
    }

    package func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot? {
        let name = PostgresValue.text(stream.description)
        guard let time else {
            return try await read(SnapshotStatements.atVersion(name, .int8(version), .int4(stateVersion))).first
        }
        return try await read(
            SnapshotStatements.atInstant(name, .int8(version), .int4(stateVersion), .timestamp(time))
        ).first
    }

    private func read(_ statement: BoundStatement) async throws(EventStoreError) -> [Snapshot] {
        do {
            let rows = try await pool.withConnection { connection in
                try await connection.query(statement, timeout: .seconds(30))
            }
            return try rows.map { try Snapshot($0) }
        } catch let error as PostgresError {
            throw EventStoreError(error)
        } catch {
            throw .unavailable(reason: String(describing: error))
        }
    }

    package func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        waiting.withLock { waiting in
            guard waiting.count < Self.capacity || waiting[stream] != nil else { return }
            waiting[stream] = Offer(version: version, encode: encode)
        }
        bell.continuation.yield()
    }

    /// Writes what is offered until graceful shutdown, and then what is left.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.bell.stream { await self.writeAll() }
        }
        await writeAll()
    }

    /// Writes all offers that wait now.
    package func writeAll() async {
        while true {
            let offers = waiting.withLock { waiting in
                let taken = waiting.prefix(Self.batch)
                for (stream, _) in taken { waiting[stream] = nil }
                return Array(taken)
            }
            if offers.isEmpty { return }
            let snapshots = offers.compactMap { stream, offer -> Snapshot? in
                do {
                    return try offer.encode()
                } catch {
                    logger.warning("snapshot could not be encoded", metadata: ["stream": "\(stream)"])
                    return nil
                }
            }
            await write(snapshots)
        }
    }

    /// Writes them, and deletes in the same batch what they make surplus. Two servers that write the same stream at
    /// once do not see each other's choice: a stretch may then become longer than ``SnapshotThinning`` says.
    private func write(_ snapshots: [Snapshot]) async {
        let streams = PostgresValue.textArray(snapshots.map(\.stream.description))
        let store = SnapshotStatements.store(
            streams, .int8Array(snapshots.map(\.version)), .int4Array(snapshots.map(\.stateVersion)),
            .nullableTimestampArray(snapshots.map(\.recordedTime)),
            .int4Array(snapshots.map { Int32($0.uncompressedSize) }), .bytesArray(snapshots.map(\.data)))
        Failpoint.reached(.snapshotEncoded)
        do {
            _ = try await pool.withConnection { connection in
                let rows = try await connection.query(SnapshotStatements.places(streams), timeout: .seconds(30))
                let surplus = try Self.surplus(in: rows, beside: snapshots)
                let thin = SnapshotStatements.thin(
                    .textArray(surplus.map(\.stream)), .int8Array(surplus.map(\.version)))
                return try await connection.run(surplus.isEmpty ? [store] : [store, thin], timeout: .seconds(30))
            }
            Failpoint.reached(.snapshotStored)
            written.increment(by: snapshots.count)
            plainBytes.increment(by: snapshots.reduce(0) { $0 + $1.uncompressedSize })
            packedBytes.increment(by: snapshots.reduce(0) { $0 + $1.data.count })
        } catch {
            // Losing a snapshot costs time at the next waking, nothing else.
            logger.warning("snapshots could not be written", metadata: ["error": "\(String(reflecting: error))"])
        }
    }

    private static func surplus(
        in rows: Rows, beside snapshots: [Snapshot]
    ) throws(PostgresError) -> [(stream: String, version: Int64)] {
        var stored: [String: [SnapshotThinning.Place]] = [:]
        for row in rows {
            let place = SnapshotThinning.Place(version: try row.int8(1), stateVersion: try row.int4(2))
            stored[try row.text(0), default: []].append(place)
        }
        var surplus: [(String, Int64)] = []
        for snapshot in snapshots {
            let name = snapshot.stream.description
            let versions = SnapshotThinning.surplus(of: stored[name] ?? [], beside: .init(snapshot))
            surplus += versions.map { (name, $0) }
        }
        return surplus
    }
}

private enum SnapshotStatements {
    private static let columns = "stream, version, state_version, recorded_time, uncompressed_size, data"

    static let latest = Statement(
        "latest_snapshot", "select \(columns) from snapshots where stream = $1 order by version desc limit 1")

    static let latestOfMany = Statement(
        "latest_snapshots",
        """
        select s.* from unnest($1::text[]) as n(name)
        cross join lateral (
            select \(columns) from snapshots where stream = n.name order by version desc limit 1
        ) as s
        """)

    static let atVersion = Statement(
        "snapshot_at_version",
        """
        select \(columns) from snapshots
        where stream = $1 and version <= $2 and state_version = $3
        order by version desc limit 1
        """)

    static let atInstant = Statement(
        "snapshot_at_instant",
        """
        select \(columns) from snapshots
        where stream = $1 and version <= $2 and state_version = $3 and recorded_time <= $4
        order by version desc limit 1
        """)

    static let places = Statement(
        "snapshot_places", "select stream, version, state_version from snapshots where stream = any($1::text[])")

    static let store = Statement(
        "store_snapshots",
        """
        insert into snapshots (\(columns))
        select * from unnest($1::text[], $2::bigint[], $3::int[], $4::timestamptz[], $5::int[], $6::bytea[])
        on conflict (stream, version) do update
        set state_version = excluded.state_version, recorded_time = excluded.recorded_time,
            uncompressed_size = excluded.uncompressed_size, data = excluded.data
        """)

    static let thin = Statement(
        "thin_snapshots",
        """
        delete from snapshots s using unnest($1::text[], $2::bigint[]) as n(stream, version)
        where s.stream = n.stream and s.version = n.version
            -- Where events have left the log, the state at the floor is all there is of them.
            and not exists (select from stream_floors f where f.stream = s.stream and f.version = s.version)
        """)
}

extension Snapshot {
    fileprivate init(_ row: Row) throws(PostgresError) {
        let name = try row.text(0)
        guard let stream = StreamName(name) else {
            throw .decoding(.init(column: 0, wanted: "a stream name", found: name))
        }
        self.init(
            stream: stream, version: try row.int8(1), stateVersion: try row.int4(2),
            recordedTime: try row.timestamp(ifPresent: 3), data: try row.bytes(5),
            uncompressedSize: Int(try row.int4(4)))
    }
}
