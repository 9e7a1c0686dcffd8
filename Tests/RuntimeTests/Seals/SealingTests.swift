import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

@Suite struct `Seals of a log` {
    private static let time = Timestamp(microseconds: 1_795_000_000_000_000)

    private static func key(_ byte: UInt8 = 1) throws -> SealKey {
        try SealKey(name: "fleetlog-test", seed: Array(repeating: byte, count: 32))
    }

    /// Several streams, a block to each thousand events.
    private static func fill(_ log: PostgresLog, _ events: Int) async throws {
        for start in stride(from: 0, to: events, by: 500) {
            _ = try await log.store.append(
                Append([
                    StreamChange(.fresh("sampled"), expecting: 0, events: .samples(min(500, events - start)))
                ]))
        }
    }

    private static func seal(_ log: PostgresLog, at time: Timestamp = time, _ keys: [SealKey]) async throws
        -> SignedHead
    {
        let head = try await log.store.head().position
        var term = try await SealingTerm(log.pool)
        try await term.seal(through: head)
        return try await term.sign(at: head, time, with: keys)
    }

    private static func verify(
        _ log: PostgresLog, _ key: SealKey, outside: [SignedHead] = []
    ) async throws -> SealAudit.Report {
        try await SealAudit(of: log.pool, trusting: [key.verifier], outside: outside).run { _, _ in }
    }

    private static func root(_ log: PostgresLog, _ size: Int64) async throws -> TreeHash {
        var tree = TreeFrontier()
        var position: Int64 = 0
        while position < size {
            for event in try await log.store.readLog(after: position, where: .everything, limit: 1_000).events
            where event.position <= size {
                tree.append(.leaf(event.sealedBytes))
                position = event.position
            }
        }
        return tree.root
    }

    @Test func `are the tree over its events, whenever they were made`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            for events in [1, 1_023, 3_000, 1_000, 120] {
                try await Self.fill(log, events)
                let head = try await Self.seal(log, at: .now(), [key])
                #expect(head.root == (try await Self.root(log, head.size)))
            }
            let report = try await Self.verify(log, key)
            #expect(report.findings.first.isEmpty)
            #expect((report.head, report.sealed, report.proved, report.heads) == (5_144, 5_120, 5_144, 5))
        }
    }

    @Test func `prove each event and each earlier head`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_500)
            let earlier = try await Self.seal(log, [key])
            try await Self.fill(log, 2_000)
            let head = try await Self.seal(log, [key])
            let tree = SealedTree(pool: log.pool)
            for position: Int64 in [1, 2, 1_024, 1_025, 1_500, 3_072, 3_073, 3_500] {
                let event = try #require(
                    try await log.store.readLog(after: position - 1, where: .everything, limit: 1).events.first)
                let proof = try await tree.inclusion(of: position)
                #expect(proof.head == head)
                #expect(proof.leaf == .leaf(event.sealedBytes))
                #expect(
                    TreeProof.verifies(
                        leaf: proof.leaf, at: position - 1, proof.path, size: head.size, root: head.root))
            }
            let old = try await tree.inclusion(of: 1_400, in: 1_500)
            #expect(old.head == earlier)
            #expect(
                TreeProof.verifies(leaf: old.leaf, at: 1_399, old.path, size: 1_500, root: earlier.root))
            let proof = try await tree.consistency(from: 1_500, to: 3_500)
            #expect(TreeProof.verifies(from: 1_500, earlier.root, to: 3_500, head.root, proof.path))
            await #expect(throws: SealError.notSealed(position: 3_501)) { try await tree.inclusion(of: 3_501) }
            await #expect(throws: SealError.notSealed(position: 4_000)) {
                try await tree.consistency(from: 1, to: 4_000)
            }
            #expect(try await tree.heads(before: nil, limit: 10) == [head, earlier])
            #expect(try await tree.heads(before: (head.size, head.time), limit: 10) == [earlier])
        }
    }

    @Test func `name the event that was altered, and the one that was taken out`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 3_000)
            let head = try await Self.seal(log, [key])
            try await log.tamper(
                """
                update events set data = '{"value":2}' where position = 1500;
                update events set recorded_time = recorded_time + interval '1 microsecond' where position = 2900;
                delete from events where position = 2000
                """)
            let report = try await Self.verify(log, key)
            #expect(report.proved == 0)
            #expect(
                report.findings.first == [
                    AuditFinding(.seals, position: 1_500, "the event is not the one that was sealed"),
                    AuditFinding(.seals, position: 2_000, "the event is missing"),
                    // The last block is not full, so only the head knows its events.
                    AuditFinding(
                        .seals, position: 1,
                        "from here to position 3000 the log is not what the head of \(head.time) has signed"),
                ])
        }
    }

    @Test func `prove nothing that is newer than the newest head`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_500)
            let early = try await Self.seal(log, [key])
            try await Self.fill(log, 1_500)
            _ = try await Self.seal(log, [key])
            try await log.tamper(
                """
                update events set data = '{"value":2}' where position = 2500;
                delete from signed_heads where size > \(early.size); delete from seal_blocks where block > 0
                """)
            let report = try await Self.verify(log, key)
            #expect((report.head, report.proved) == (3_000, 1_500))
        }
    }

    @Test func `cannot be made anew without the key, nor the tail be cut off unnoticed`() async throws {
        try await PostgresLog.with { log in
            let (key, forger) = (try Self.key(), try Self.key(9))
            try await Self.fill(log, 2_048)
            let kept = try await Self.seal(log, [key])
            try await log.tamper(
                """
                delete from seal_blocks; delete from seal_nodes; delete from signed_heads;
                delete from events where position > 2000;
                update log_head set position = 2000
                """)
            _ = try await Self.seal(log, [forger])
            let inside = try await Self.verify(log, key)
            #expect(inside.findings.first.map(\.position) == [2_000])
            #expect(inside.findings.first.first?.problem.contains("not signed by a key that is trusted") == true)
            let outside = try await Self.verify(log, forger, outside: [kept])
            #expect(outside.findings.first.map(\.position) == [2_048])
            let cut = try await SealAudit(
                of: log.pool, trusting: [key.verifier, forger.verifier], outside: [kept]
            ).run { _, _ in }
            #expect(
                cut.findings.first == [
                    AuditFinding(
                        .seals, position: 2_001,
                        "from here on events are cut off: the head of \(kept.time) covers up to position 2048")
                ])
        }
    }

    @Test func `that were altered with the events no longer fit the signed head`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_024)
            _ = try await Self.seal(log, [key])
            try await Self.fill(log, 1_024)
            let head = try await Self.seal(log, at: .now(), [key])
            try await log.tamper(
                """
                update seal_blocks set leaves = set_byte(leaves, 5, 255 - get_byte(leaves, 5)) where block = 1;
                update seal_nodes set hash = set_byte(hash, 0, 255 - get_byte(hash, 0)) where level = 11
                """)
            let findings = try await Self.verify(log, key).findings.first
            #expect(
                findings.contains(
                    AuditFinding(.seals, position: 1_025, "the event is not the one that was sealed")))
            #expect(
                findings.contains(
                    AuditFinding(
                        .seals, position: 1_025,
                        "from here to position 2048 the log is not what the head of \(head.time) has signed")))
            #expect(findings.contains { $0.position == 1 && $0.problem.contains("stored root") })
            await #expect(throws: SealError.self) { try await SealingTerm(log.pool) }
        }
    }

    @Test func `follow a change of keys from one that was trusted to the next`() async throws {
        try await PostgresLog.with { log in
            let (first, second) = (try Self.key(1), try Self.key(2))
            for keys in [[first], [second, first], [second]] {
                try await Self.fill(log, 10)
                _ = try await Self.seal(log, at: .now(), keys)
            }
            #expect(try await Self.verify(log, first).findings.first.isEmpty)
            #expect(try await Self.verify(log, second).findings.first.isEmpty)
        }
    }

    @Test func `prove by the key in force what earlier keys have signed, unless their heads were changed`() async throws
    {
        try await PostgresLog.with { log in
            let (first, second, third) = (try Self.key(1), try Self.key(2), try Self.key(3))
            for keys in [[first], [first], [second, first], [third, second], [third]] {
                try await Self.fill(log, 10)
                _ = try await Self.seal(log, at: .now(), keys)
            }
            let report = try await Self.verify(log, third)
            #expect(report.findings.first.isEmpty)
            #expect((report.proved, report.heads) == (50, 5))
            let ofFirst = try await log.texts("select note from signed_heads where size = 10")[0]
            let ofSecond = try await log.texts("select note from signed_heads where size = 20")[0]
            let roots = [ofFirst, ofSecond].map { $0.split(separator: "\n")[2] }
            try await log.tamper(
                "update signed_heads set note = replace(note, '\(roots[0])', '\(roots[1])') where size = 10")
            #expect(try await Self.verify(log, third).findings.first.map(\.position) == [10])
        }
    }

    @Test func `prove nothing that only a key signs which is not trusted, and say so once`() async throws {
        try await PostgresLog.with { log in
            let (key, forger) = (try Self.key(), try Self.key(9))
            for keys in [[key], [forger], [forger], [forger]] {
                try await Self.fill(log, 10)
                _ = try await Self.seal(log, at: .now(), keys)
            }
            let report = try await Self.verify(log, key)
            #expect(report.proved == 10)
            #expect(report.findings.count == 1)
            #expect(report.findings.first.first?.position == 20)
            #expect(report.findings.first.first?.problem.hasSuffix("nor are the 2 behind it") == true)
        }
    }

    @Test func `are compared while the log grows and is signed, and what was signed meanwhile is no cut`() async throws
    {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_500)
            _ = try await Self.seal(log, [key])
            let report = try await SealAudit(of: log.pool, trusting: [key.verifier]).run { _, _ in
                await #expect(throws: Never.self) {
                    try await Self.fill(log, 1_500)
                    _ = try await Self.seal(log, at: .now(), [key])
                }
            }
            #expect(report.findings.first.isEmpty)
            #expect((report.head, report.proved) == (1_500, 1_500))
            try await log.tamper(
                "delete from events where position > 2900; update log_head set position = 2900")
            #expect(try await Self.verify(log, key).findings.first.map(\.position) == [2_901])
        }
    }

    @Test func `name an event that was moved to where its category's readers do not look`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_500)
            _ = try await Self.seal(log, [key])
            try await log.tamper(
                """
                update events set category = 'other' where position = 700;
                update events set class = 1 where position = 900
                """)
            let telemetry = TelemetryTypes(["sampled": ["Measured"]])
            let report = try await SealAudit(of: log.pool, trusting: [key.verifier], telemetry: telemetry).run { _, _ in
            }
            #expect(report.findings.first.map(\.position) == [700, 900])
            #expect(report.findings.first.map { $0.problem.contains("category") } == [true, false])
        }
    }

    @Test func `are refused to whom the database belongs, once they are stored`() async throws {
        try await PostgresLog.with { log in
            try await Self.fill(log, 1_024)
            _ = try await Self.seal(log, [Self.key()])
            for sql in [
                "update seal_blocks set block = 5", "delete from seal_nodes", "truncate signed_heads",
                "update signed_heads set note = ''",
            ] {
                await #expect(throws: PostgresError.self) { try await log.asSuperuser(sql) }
            }
        }
    }

    @Test func `have their newest head published again by who gets the role, since nobody else may have done so`()
        async throws
    {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 10)
            let head = try await Self.seal(log, [key])
            let published = Mutex([SignedHead]())
            let sealer = LogSealer(
                pool: log.pool,
                lease: PostgresLease(
                    .seals, url: try DatabaseURL(log.database.serverURL), on: log.thread, server: "next",
                    logger: TestPostgres.quiet),
                keys: { [key] }, now: { Self.time }, publish: { head in published.withLock { $0.append(head) } },
                logger: TestPostgres.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sealer.run() }
                try await eventually("the head is published") { published.withLock { $0 } == [head] }
                group.cancelAll()
            }
        }
    }

    @Test func `are signed at once by a new key, however young the newest head is`() async throws {
        try await PostgresLog.with { log in
            let (old, new) = (try Self.key(1), try Self.key(2))
            try await Self.fill(log, 10)
            let head = try await Self.seal(log, [old])
            let published = Mutex([SignedHead]())
            var pace = LogSealer.Pace()
            pace.round = .milliseconds(5)
            let sealer = LogSealer(
                pool: log.pool,
                lease: PostgresLease(
                    .seals, url: try DatabaseURL(log.database.serverURL), on: log.thread, server: "one",
                    logger: TestPostgres.quiet),
                keys: { [new] }, pace: pace,
                now: { Timestamp(microseconds: Self.time.microseconds + 1) },
                publish: { head in published.withLock { $0.append(head) } }, logger: TestPostgres.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sealer.run() }
                try await eventually("a head by the new key") { published.withLock { $0.last?.keys } == [new.verifier] }
                group.cancelAll()
            }
            #expect(published.withLock { $0.map(\.size) } == [10, 10])
            #expect(published.withLock { $0.first } == head)
        }
    }

    @Test func `are made by the server that has the role, and signed as time passes`() async throws {
        try await PostgresLog.with { log in
            let key = try Self.key()
            try await Self.fill(log, 1_100)
            let clock = Mutex(Self.time)
            let looked = Mutex(0)
            let published = Mutex([Int64]())
            var pace = LogSealer.Pace()
            pace.round = .milliseconds(5)
            let sealer = LogSealer(
                pool: log.pool,
                lease: PostgresLease(
                    .seals, url: try DatabaseURL(log.database.serverURL), on: log.thread, server: "one",
                    logger: TestPostgres.quiet),
                keys: { [key] }, pace: pace,
                now: {
                    looked.withLock { $0 += 1 }
                    return clock.withLock { $0 }
                },
                publish: { head in published.withLock { $0.append(head.size) } },
                logger: TestPostgres.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sealer.run() }
                try await eventually("the first head") { published.withLock { $0 } == [1_100] }
                try await Self.fill(log, 10)
                clock.withLock { $0 = Timestamp(microseconds: Self.time.microseconds + 60_000_000) }
                try await eventually("a head a minute later") { published.withLock { $0 } == [1_100, 1_110] }
                try await Self.fill(log, 1_000)
                clock.withLock { $0 = Timestamp(microseconds: Self.time.microseconds + 200_000_000) }
                try await eventually("the next block") {
                    try await SealStore(pool: log.pool).sealedSize() == 2_048
                }
                try await eventually("its head") { published.withLock { $0.last } == 2_110 }
                clock.withLock { $0 = Timestamp(microseconds: Self.time.microseconds + 259_000_000) }
                let rounds = looked.withLock { $0 }
                try await eventually("several looks") { looked.withLock { $0 } > rounds + 3 }
                #expect(published.withLock { $0 } == [1_100, 1_110, 2_110])
                // A log that stands still is signed all the same: nothing came until then.
                clock.withLock { $0 = Timestamp(microseconds: Self.time.microseconds + 260_000_000) }
                try await eventually("a minute later") { published.withLock { $0 } == [1_100, 1_110, 2_110, 2_110] }
                group.cancelAll()
            }
            #expect(try await Self.verify(log, key).findings.first.isEmpty)
        }
    }
}
