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
    private let plainBytes = Counter(label: "fleetlog_snapshot_plain_bytes_total")
    private let packedBytes = Counter(label: "fleetlog_snapshot_packed_bytes_total")

    package init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        bell = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        do {
            let rows = try await pool.withConnection { connection in
                try await connection.query(
                    SnapshotStatements.latest(.text(stream.description)), timeout: .seconds(30))
            }
            guard let row = rows.first else { return nil }
            return Snapshot(
                stream: stream, version: try row.int8(0), stateVersion: try row.int4(1), data: try row.bytes(3),
                uncompressedSize: Int(try row.int4(2)))
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

    private func write(_ snapshots: [Snapshot]) async {
        let streams = PostgresValue.textArray(snapshots.map(\.stream.description))
        let versions = PostgresValue.int8Array(snapshots.map(\.version))
        let store = SnapshotStatements.store(
            streams, versions, .int4Array(snapshots.map(\.stateVersion)),
            .int4Array(snapshots.map { Int32($0.uncompressedSize) }), .bytesArray(snapshots.map(\.data)))
        let thin = SnapshotStatements.thin(streams, versions)
        do {
            _ = try await pool.withConnection { connection in
                try await connection.run([store, thin], timeout: .seconds(30))
            }
            plainBytes.increment(by: snapshots.reduce(0) { $0 + $1.uncompressedSize })
            packedBytes.increment(by: snapshots.reduce(0) { $0 + $1.data.count })
        } catch {
            // Losing a snapshot costs time at the next waking, nothing else.
            logger.warning("snapshots could not be written", metadata: ["error": "\(String(reflecting: error))"])
        }
    }
}

private enum SnapshotStatements {
    static let latest = Statement(
        "latest_snapshot",
        """
        select version, state_version, uncompressed_size, data
        from snapshots where stream = $1 order by version desc limit 1
        """)

    static let store = Statement(
        "store_snapshots",
        """
        insert into snapshots (stream, version, state_version, uncompressed_size, data)
        select * from unnest($1::text[], $2::bigint[], $3::int[], $4::int[], $5::bytea[])
        on conflict (stream, version) do update
        set state_version = excluded.state_version, uncompressed_size = excluded.uncompressed_size,
            data = excluded.data
        """)

    /// Keeps the newest snapshot and the one before it.
    static let thin = Statement(
        "thin_snapshots",
        """
        delete from snapshots s
        using unnest($1::text[], $2::bigint[]) as n(stream, version)
        where s.stream = n.stream and s.version < (
            select max(p.version) from snapshots p where p.stream = n.stream and p.version < n.version)
        """)
}
