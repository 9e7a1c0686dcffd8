import Support
import Testing

@testable import Runtime

@Suite struct `The bytes of a sealed event` {
    private static let event = RecordedEvent(
        position: 7, stream: StreamName(category: "device", id: "k3x"), version: 2,
        recordedTime: Timestamp(microseconds: 1_795_000_000_000_001),
        event: NewEvent(
            id: UUID128(high: 1, low: 2), type: "Sampled", schemaVersion: 3,
            observedTime: Timestamp(microseconds: 1_795_000_000_000_000), data: Array(#"{"é":1}"#.utf8),
            metadata: EventMetadata(
                principal: .system, account: .default, commandID: UUID128(high: 3, low: 4),
                causationID: UUID128(high: 5, low: 6), traceParent: "00-é")))

    @Test func `never change`() {
        let expected =
            "000f" + "00000008" + "0000000000000007" + "0000000a" + "6465766963652d6b3378" + "00000008"
            + "0000000000000002" + "00000010" + "00000000000000010000000000000002" + "00000007" + "53616d706c6564"
            + "00000004" + "00000003" + "00000007" + "64656661756c74" + "00000008" + "00030389c6275000" + "00000008"
            + "00030389c6275001" + "00000006" + "73797374656d" + "00000010" + "00000000000000030000000000000004"
            + "00000010" + "00000000000000050000000000000006" + "ffffffff" + "00000005" + "30302dc3a9" + "00000008"
            + "7b22c3a9223a317d"
        #expect(Self.event.sealedBytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
    }

    @Test func `are those of its row in a copy of the log`() async throws {
        try await PostgresLog.with { log in
            var events = [NewEvent].samples(3)
            events[1].metadata.causationID = .v7()
            events[1].metadata.traceParent = "00-é"
            events[2].metadata.correlationID = .v7()
            events[2].metadata.principal = .device("k3x")
            events[2].data = Array(" [1,  2] ".utf8)
            _ = try await log.store.append(Append([StreamChange(.fresh("sampled"), expecting: 0, events: events)]))
            var leaves: [LogLeaf] = []
            try await LeafReader(pool: log.pool).read(after: 0, through: 3) { leaves += $0 }
            let recorded = try await log.store.readLog(after: 0, where: .everything, limit: 10).events
            #expect(leaves == recorded.map { .present(.leaf($0.sealedBytes)) })
        }
    }
}
