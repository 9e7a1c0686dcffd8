import Support
import Testing

@testable import Runtime

@Suite(.timeLimit(.minutes(5))) struct `The news that the log has grown` {
    private let signal = LogSignal()

    @Test func `wakes those who wait for any category, and for the one that came`() async {
        async let any: Void = signal.wait(past: 4, atMost: .seconds(120))
        async let same: Void = signal.wait(past: 4, in: "device", atMost: .seconds(120))
        signal.advance(to: 4)
        signal.advance(from: 4, to: 9, by: ["device", "alert"])
        _ = await (any, same)
        #expect(signal.position == 9)
    }

    @Test func `leaves alone who waits for another category`() {
        signal.advance(to: 4)
        signal.advance(from: 4, to: 9, by: ["device"])
        #expect(signal.isQuiet(in: "rollout", past: 4))
        #expect(!signal.isQuiet(in: "rollout", past: 3), "of what lies before, no category was named")
        #expect(!signal.isQuiet(in: "device", past: 4))
        #expect(signal.isQuiet(in: "device", past: 9))
        signal.advance(from: 9, to: 10, by: ["rollout"])
        #expect(!signal.isQuiet(in: "rollout", past: 9))
    }

    @Test func `names no category as quiet before anything was heard`() {
        #expect(!signal.isQuiet(in: "rollout", past: 0))
    }

    @Test func `wakes everybody when somebody else has appended in between`() async {
        signal.advance(to: 4)
        async let other: Void = signal.wait(past: 4, in: "rollout", atMost: .seconds(120))
        signal.advance(from: 6, to: 9, by: ["device"])
        await other
        #expect(!signal.isQuiet(in: "rollout", past: 5))
        #expect(signal.isQuiet(in: "rollout", past: 6))
    }

    @Test(arguments: 1...20) func `never calls quiet what holds an event`(seed: UInt64) {
        var numbers = SeededNumbers(seed)
        var log: [String] = []
        for _ in 0..<200 {
            let start = log.count
            for _ in 0..<Int.random(in: 1...3, using: &numbers) {
                log.append(["device", "alert", "rollout"].randomElement(using: &numbers) ?? "device")
            }
            // Others' appends are heard of late, by their last position only, or not at all.
            switch Int.random(in: 0..<4, using: &numbers) {
            case 0: break
            case 1: signal.advance(to: Int64(Int.random(in: 1...log.count, using: &numbers)))
            default: signal.advance(from: Int64(start), to: Int64(log.count), by: Set(log[start...]))
            }
            let heard = Int(signal.position)
            for category in ["device", "alert", "rollout"] {
                let place = Int.random(in: 0...heard, using: &numbers)
                if log[place..<heard].contains(category) {
                    #expect(!signal.isQuiet(in: category, past: Int64(place)))
                }
            }
        }
    }
}
