/// Lets old telemetry leave the log, beside servers that go on working.
///
/// Before an event leaves, the state behind it is folded from the events themselves and stored as a snapshot at the
/// stream's floor, and what is to be missing is written down. Each step is complete by itself: whoever ends in the
/// middle, or is killed, leaves a log that is in order, and the next run goes on from there.
package struct LogRetention: Sendable {
    private static let patience = Duration.seconds(3_600)
    private static let streamsAtOnce: Int64 = 128
    private static let positionsAtOnce: Int64 = 20_000

    private let pool: PostgresPool
    private let store: any EventStore
    private let folds: [String: StreamFold]
    private let types: [(category: String, type: String)]

    /// - Parameter pool: of the schema's owner.
    package init(of pool: PostgresPool, store: any EventStore, folds: [StreamFold], telemetry: TelemetryTypes) {
        self.pool = pool
        self.store = store
        self.folds = Dictionary(folds.map { ($0.category, $0) }) { first, _ in first }
        types = telemetry.all
    }

    // MARK: Plan

    /// What is wholly older than `cutoff`, and was seen by all readers. Only reads.
    package func plan(before cutoff: Timestamp, readers: [LogReader] = []) async throws -> RetentionPlan {
        let head = try await store.head().position
        var boundary = try await boundary(of: cutoff, head)
        let last = readers.min { $0.position < $1.position }.flatMap { $0.position + 1 < boundary ? $0 : nil }
        if let last { boundary = last.position + 1 }
        var plan = RetentionPlan(
            cutoff: cutoff, boundary: boundary, lastReader: last, partitions: [], mixedEvents: 0, keptPartitions: 0,
            keptBytes: 0)
        for row in try await query(RetentionStatements.partitions()) {
            let (name, first, end) = (try row.text(0), try row.int8(1), try row.int8(2))
            let bytes = try row.int8(3)
            guard end <= boundary else {
                plan.keptPartitions += 1
                plan.keptBytes += bytes
                continue
            }
            let state: RetentionPlan.Partition.State =
                try row.bool(4) ? (try row.bool(5) ? .detaching : .attached) : .detached
            let extent = try await query(RetentionStatements.extent(of: try RetentionStatements.checked(name)))[0]
            plan.partitions.append(
                .init(
                    name: name, firstPosition: first, endPosition: end, events: try extent.int8(0), bytes: bytes,
                    oldest: try extent.timestamp(ifPresent: 1), newest: try extent.timestamp(ifPresent: 2),
                    state: state))
        }
        plan.mixedEvents = try await query(RetentionStatements.mixedCount(kinds + [.int8(boundary)]))[0].int8(0)
        return plan
    }

    /// Recorded time never decreases with position, so the boundary is found by halving.
    private func boundary(of cutoff: Timestamp, _ head: Int64) async throws -> Int64 {
        var (low, high) = (Int64(1), head + 1)
        while low < high {
            let middle = low + (high - low) / 2
            let rows = try await query(RetentionStatements.next(.int8(middle), .int8(high)))
            if let row = rows.first, try row.timestamp(1) < cutoff {
                low = try row.int8(0) + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private var kinds: [PostgresValue] { [.textArray(types.map(\.category)), .textArray(types.map(\.type))] }

    // MARK: Perform

    /// - Parameters:
    ///   - keepsDetached: whether partitions stay as tables of their own.
    ///   - report: called after each step; what it throws ends the retention there.
    /// - Throws: ``RetentionError``, ``EventStoreError``, `PostgresError`.
    package func perform(
        _ plan: RetentionPlan, keepsDetached: Bool = false, _ report: (RetentionStep) throws -> Void
    ) async throws {
        try await pool.withConnection { lock in
            guard try await lock.query(RetentionStatements.takeLock())[0].bool(0) else {
                throw RetentionError.alreadyRunning
            }
            do {
                try await perform(plan, keepsDetached) { step in
                    Failpoint.reached(step.failpoint)
                    try report(step)
                }
            } catch {
                _ = try? await lock.query(RetentionStatements.giveLock())
                throw error
            }
            _ = try await lock.query(RetentionStatements.giveLock())
        }
    }

    private func perform(
        _ plan: RetentionPlan, _ keepsDetached: Bool, _ report: (RetentionStep) throws -> Void
    ) async throws {
        if plan.mixedEvents > 0 {
            try await raiseFloors(report) { stream in
                RetentionStatements.mixedStreams(
                    kinds + [.int8(plan.boundary), .text(stream), .int8(Self.streamsAtOnce)])
            }
            try await deleteMixed(plan, report)
        }
        for partition in plan.partitions {
            let name = try RetentionStatements.checked(partition.name)
            if partition.state == .attached {
                try await raiseFloors(report) { stream in
                    RetentionStatements.streams(of: name)(.text(stream), .int8(Self.streamsAtOnce))
                }
                try await DepartingLeaves(pool: pool).keep(partition.firstPosition..<partition.endPosition)
                _ = try await query(
                    RetentionStatements.announce(
                        .int8(partition.firstPosition), .int8(partition.endPosition), .int8(partition.events),
                        .timestamp(plan.cutoff)))
                try report(.announced(partition: name))
            }
            if partition.state != .detached {
                _ = try await query(
                    RetentionStatements.detach(name, isPending: partition.state == .detaching))
                try report(.detached(partition: name))
            }
            let ending = keepsDetached ? RetentionStatements.keep(name) : [RetentionStatements.drop(name)]
            try await run(
                ending + [
                    RetentionStatements.forget(.text(name)), RetentionStatements.finish(.int8(partition.firstPosition)),
                ])
            try report(.finished(partition: name))
        }
    }

    private func deleteMixed(
        _ plan: RetentionPlan, _ report: (RetentionStep) throws -> Void
    ) async throws {
        let extent = try await query(RetentionStatements.mixedExtent(kinds + [.int8(plan.boundary)]))[0]
        guard var start = try extent.int8(ifPresent: 0), let last = try extent.int8(ifPresent: 1) else { return }
        while start <= last {
            let end = min(start + Self.positionsAtOnce, last + 1)
            try await DepartingLeaves(pool: pool).keep(start..<end)
            let results: [Rows]
            do {
                results = try await run([
                    RetentionStatements.becomeRetention(),
                    RetentionStatements.deleteMixed(kinds + [.int8(start), .int8(end)]),
                    RetentionStatements.becomeOwner(),
                    RetentionStatements.noteDeleted([.int8(start), .int8(end), .timestamp(plan.cutoff)]),
                ])
            } catch let error as PostgresError where error.sqlState == .insufficientPrivilege {
                throw RetentionError.notPermitted
            }
            try report(.deleted(events: try results[1].first?.int8(0) ?? 0))
            start = end
        }
    }

    /// Stores, for each stream that `page` names, the state at the last of its leaving events.
    private func raiseFloors(
        _ report: (RetentionStep) throws -> Void, _ page: (_ after: String) -> BoundStatement
    ) async throws {
        var last = ""
        while true {
            let rows = try await query(page(last))
            var targets: [(stream: StreamName, version: Int64, position: Int64)] = []
            for row in rows {
                last = try row.text(0)
                guard let stream = StreamName(last) else {
                    throw RetentionError.uncovered(stream: last, reason: "its name makes no sense")
                }
                targets.append((stream, try row.int8(1), try row.int8(2)))
            }
            try await raiseFloors(targets)
            try report(.floors(streams: targets.count))
            if rows.count < Self.streamsAtOnce { return }
        }
    }

    private func raiseFloors(_ targets: [(stream: StreamName, version: Int64, position: Int64)]) async throws {
        if targets.isEmpty { return }
        var floors: [String: (version: Int64, base: Snapshot?)] = [:]
        for row in try await query(RetentionStatements.floors(.textArray(targets.map(\.stream.description)))) {
            guard let stream = StreamName(try row.text(0)) else { continue }
            let version = try row.int8(1)
            let data = try row.bytes(ifPresent: 4)
            floors[stream.description] = (
                version,
                try data.map {
                    Snapshot(
                        stream: stream, version: version, stateVersion: try row.int4(2), recordedTime: nil, data: $0,
                        uncompressedSize: Int(try row.int4(3)))
                }
            )
        }
        var wanted: [String: [StreamFold.Wanted]] = [:]
        var positions: [StreamName: Int64] = [:]
        for target in targets {
            let floor = floors[target.stream.description]
            if let floor, floor.version >= target.version { continue }
            if floor != nil, floor?.base == nil {
                throw RetentionError.uncovered(
                    stream: target.stream.description, reason: "the snapshot at its floor is gone")
            }
            positions[target.stream] = target.position
            wanted[target.stream.category, default: []].append(
                .init(stream: target.stream, base: floor?.base, version: target.version))
        }
        for (category, streams) in wanted {
            guard let fold = folds[category] else {
                throw RetentionError.uncovered(
                    stream: streams[0].stream.description, reason: "this program does not know what it is")
            }
            let snapshots = try await fold.fold(streams, store)
            let names = PostgresValue.textArray(snapshots.map(\.stream.description))
            let versions = PostgresValue.int8Array(snapshots.map(\.version))
            try await run([
                RetentionStatements.storeSnapshots(
                    names, versions, .int4Array(snapshots.map(\.stateVersion)),
                    .nullableTimestampArray(snapshots.map(\.recordedTime)),
                    .int4Array(snapshots.map { Int32($0.uncompressedSize) }), .bytesArray(snapshots.map(\.data))),
                RetentionStatements.storeFloors(
                    names, versions, .int8Array(snapshots.map { positions[$0.stream] ?? 0 })),
                RetentionStatements.forgetSnapshots(names, versions),
            ])
        }
    }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { try await $0.query(statement, timeout: Self.patience) }
    }

    /// All or nothing.
    @discardableResult
    private func run(_ statements: [BoundStatement]) async throws -> [Rows] {
        try await pool.withTransaction { try await $0.run(statements, timeout: Self.patience) }
    }
}
