import Runtime
import Testing

@Suite struct `The window of recent commands` {
    let start = Timestamp(microseconds: 1_795_000_000_000_000)

    func window(_ count: Int, apart: Duration) -> (RecentCommands, [UUID128]) {
        var window = RecentCommands()
        var time = start
        let ids = (0..<count).map { UUID128(high: 1, low: UInt64($0)) }
        for (index, id) in ids.enumerated() {
            window.note(id, version: Int64(index + 1), position: Int64(index + 1), recordedTime: time)
            time = time + apart
        }
        return (window, ids)
    }

    @Test func `covers everything the broker may deliver again, even from one device`() {
        let (window, ids) = window(5_000, apart: .microseconds(20))
        #expect(ids.suffix(2_000).allSatisfy { window[$0] != nil })
        #expect(window.entries.count < 4_200)
    }

    @Test func `stays small for a device that reports once a minute`() {
        let (window, ids) = window(5_000, apart: .seconds(60))
        #expect(ids.suffix(8).allSatisfy { window[$0] != nil })
        #expect(window.entries.count < 32)
    }

    @Test func `remembers where a command came to lie`() {
        let (window, ids) = window(10, apart: .seconds(1))
        #expect(window[ids[9]]?.version == 10)
        #expect(window[UUID128(high: 2, low: 2)] == nil)
    }

    @Test func `notes a command of several events once, at its last`() {
        var window = RecentCommands()
        let id = UUID128(high: 1, low: 1)
        for version in 1...5 {
            window.note(id, version: Int64(version), position: Int64(version + 10), recordedTime: start)
        }
        #expect(window.entries.count == 1)
        #expect(window[id]?.position == 15)
    }
}
