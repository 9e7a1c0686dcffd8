import Foundation
import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A server that is ended under load` {
        @Test func `counts each acknowledged message exactly once, though it is killed 20 times`() async throws {
            try await TestedSystem.with { system in
                let first = try await system.start()
                let witness = Witness(of: system)
                let records = try await witness.watching {
                    try await Load.during(on: system, api: system.api(first), rate: 200) { load in
                        var server = first
                        for number in 1...20 {
                            // Somewhere in the middle of its work, each time somewhere else.
                            try await system.growth(by: .random(in: 1...100), within: .seconds(60))
                            // A message without number and time is known again over six connections in a row that end
                            // before the broker has taken its acknowledgement, and no longer. So every fifth server comes to
                            // the end of what waits, however slow the machine is.
                            if number.isMultiple(of: 5) {
                                let taken = await load.acknowledged
                                try await eventually("what waits is stored") { try await system.readings >= taken }
                                try await system.growth(by: 50, within: .seconds(60))
                            }
                            await server.kill()
                            server = try system.launch()
                        }
                        await server.kill()
                    }
                }
                let last = try await system.start()
                try await Checker(system: system).check(records, api: system.api(last))
                try await witness.check(records)
            }
        }

        @Test func `counts each acknowledged message exactly once, though its first start is cut short`() async throws {
            try await TestedSystem.with { system in
                let first = try await system.start()
                let records = try await Load.during(on: system, api: system.api(first), rate: 100) { _ in
                    await first.kill()
                    for attempt in 1...6 {
                        let server = try system.launch()
                        // Between its process's start and its first round, further on each time.
                        try await Task.sleep(for: .milliseconds(60 * attempt))
                        await server.kill()
                    }
                }
                let last = try await system.start()
                try await Checker(system: system).check(records, api: system.api(last))
            }
        }

        @Test func `ends by SIGTERM within seconds and with status 0, and the next goes on`() async throws {
            try await TestedSystem.with { system in
                let first = try await system.start()
                let records = try await Load.during(on: system, api: system.api(first), rate: 200) { _ in
                    var server = first
                    for _ in 1...3 {
                        try await system.growth(by: 50)
                        let start = ContinuousClock.now
                        let ending = await server.terminate()
                        guard ending == .exited(0) else { throw Wrong("SIGTERM ended the server with \(ending)") }
                        guard ContinuousClock.now - start < .seconds(8) else {
                            throw Wrong("SIGTERM took \(ContinuousClock.now - start)")
                        }
                        server = try system.launch()
                    }
                    _ = await server.terminate(by: SIGINT)
                }
                let last = try await system.start()
                try await Checker(system: system).check(records, api: system.api(last))
            }
        }
    }
}
