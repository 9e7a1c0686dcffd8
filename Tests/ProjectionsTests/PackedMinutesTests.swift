import Aggregates
import Projections
import Runtime
import Support
import Testing

@Suite struct `The minutes of an hour` {
    private let odd = [0.0, -0.0, 1e12, -1e12, 1e13, -Double.leastNonzeroMagnitude, 1e300]
    private let instants: [Int64] = [0, 59_999_999, 60_000_000, 3_599_999_999]

    private func numbers(_ random: inout Random) -> [(number: Double, time: Timestamp)] {
        let most = [1, 20, 200][Int.random(in: 0..<3, using: &random)]
        return (0..<Int.random(in: 1...most, using: &random)).map { _ in
            let number =
                switch Int.random(in: 0..<7, using: &random) {
                case 0: Double.random(in: -1e11...1e11, using: &random)
                case 1: odd[Int.random(in: 0..<odd.count, using: &random)]
                case 2: Double.random(in: -1e-3...1e-3, using: &random)
                default: Double(Int64.random(in: -50_000...50_000, using: &random)) / 1_000
                }
            let within = Int64.random(in: 0..<3_600_000_000, using: &random)
            // Few instants in half of them, the ends of the hour among them.
            let offset = Bool.random(using: &random) ? within : instants[Int(within % 4)]
            return (number, noon + .microseconds(offset))
        }
    }

    private func hour(_ numbers: [(number: Double, time: Timestamp)]) throws -> TelemetryHour {
        var hour = TelemetryHour(
            device: "a", account: "default", metric: "level", start: noon, numbers[0].number, at: numbers[0].time)
        for (number, time) in numbers.dropFirst() { hour.insert(number, at: time, nil) }
        return hour
    }

    @Test(arguments: 0..<200) func `are the same bytes whatever the order, and come to what their readings come to`(
        _ seed: UInt64
    ) throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let numbers = numbers(&random)
        let hour = try hour(numbers)
        for _ in 0..<5 { #expect(try self.hour(numbers.shuffled(using: &random)) == hour) }

        var minutes: [Timestamp: WindowSummary] = [:]
        for (number, time) in numbers {
            let one = WindowSummary(number, at: time)
            if minutes[WindowLength.minute.start(of: time)]?.merge(one) == nil {
                minutes[WindowLength.minute.start(of: time)] = one
            }
        }
        #expect(hour.windows.map(\.start) == minutes.keys.sorted())
        #expect(hour.windows.allSatisfy { minutes[$0.start] == $0.summary })
        // Read back, and gone on with.
        let read = try #require(PackedMinutes(hour.minutes.bytes, of: noon))
        #expect(read.bytes == hour.minutes.bytes && read.all(of: noon) == hour.minutes.all(of: noon))
    }

    @Test(arguments: 0..<20) func `go on from where they were read back`(_ seed: UInt64) async throws {
        var random = Random(state: seed &+ 77)
        let numbers = numbers(&random)
        let whole = try hour(numbers)
        let cut = Int.random(in: 1...numbers.count, using: &random)
        try await PostgresLog.with { log in
            let first = try hour(Array(numbers[..<cut]))
            let ids = [TelemetryProjection.id(of: first)]
            let stored = try await log.pool.withConnection { connection in
                _ = try await connection.query(TelemetryProjection.store([first], generation: 1))
                return try await connection.query(TelemetryProjection.load(ids, generation: 1)).map {
                    try TelemetryProjection.decode($0)
                }
            }
            var hour = try #require(stored.first)
            #expect(hour == first)
            for (number, time) in numbers[cut...] { hour.insert(number, at: time, nil) }
            #expect(hour == whole)
        }
    }

    @Test func `take nine bytes each where a thermometer reports once a minute`() throws {
        let numbers = (0..<60).map { minute in
            (number: 20 + Double(minute) / 10, time: noon + .seconds(60 * minute) + .milliseconds(12_345))
        }
        #expect(try hour(numbers).minutes.bytes.count <= 1 + 60 * 9)
    }

    @Test(arguments: 0..<300) func `are not made of other bytes, whatever they are`(_ seed: UInt64) throws {
        var random = Random(state: seed)
        var bytes = try hour(numbers(&random)).minutes.bytes
        switch seed % 3 {
        case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        case 1: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default: bytes += (0..<9).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        // What can be read all the same is read to its end.
        guard let read = PackedMinutes(bytes, of: noon) else { return }
        let numbers = read.all(of: noon).map(\.number)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 } && numbers.allSatisfy { $0 < 60 })
    }
}
