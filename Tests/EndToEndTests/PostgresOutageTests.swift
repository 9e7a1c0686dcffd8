import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `While Postgres is away` {
        @Test(arguments: [Outage.stopped, .killed])
        func `nothing is acknowledged, the server says so, and it catches up by itself`(outage: Outage) async throws {
            let postgres = try await ThrowawayPostgres.start()
            try await TestedSystem.with(postgres: postgres) { system in
                let server = try await system.start()
                let api = system.api(server)
                let records = try await Load.during(on: system, api: api, rate: 150) { load in
                    try await system.growth(by: 100)
                    let ready = await api.readiness()
                    guard ready?.status == 200 else { throw Wrong("not ready before: \(ready?.text ?? "no answer")") }

                    await outage.begin(postgres)
                    let (start, before) = (ContinuousClock.now, await load.acknowledged)
                    try await eventually("the server says that it is not ready") {
                        guard let answer = await api.readiness(), answer.status == 503 else { return false }
                        return answer.text.contains("Postgres")
                    }
                    let refusal = try await api.rename("any", "name")
                    guard refusal.status == 503, refusal.type.hasPrefix("application/problem+json") else {
                        throw Wrong("a command was answered \(refusal.status) \(refusal.text)")
                    }
                    try await eventually(within: outage.length * 2, "the outage is over", every: .milliseconds(500)) {
                        ContinuousClock.now - start > outage.length
                    }
                    // The devices have gone on all the time: the broker keeps what the server did not acknowledge.
                    guard await load.acknowledged > before + 50 else { throw Wrong("the broker took no messages") }
                    guard !server.hasEnded else { throw Wrong("the server ended") }

                    try await postgres.start()
                    try await system.growth(by: 100)
                    try await eventually("the server is ready again", every: .milliseconds(100)) {
                        await api.readiness()?.status == 200
                    }
                }
                // A killed Postgres has kept what it had committed: no message may come twice either.
                try await Checker(system: system).check(records, api: api)
                guard !server.hasEnded else { throw Wrong("the server ended") }
            }
            await postgres.kill()
        }
    }

    @Suite(.timeLimit(.minutes(2))) struct `A server that is to end` {
        @Test func `ends though Postgres is away, and what it had not acknowledged comes again`() async throws {
            let postgres = try await ThrowawayPostgres.start()
            try await TestedSystem.with(postgres: postgres) { system in
                let first = try await system.start()
                let records = try await Load.during(on: system, api: system.api(first), rate: 200) { _ in
                    try await system.growth(by: 100)
                    await postgres.kill()
                    try await eventually("it has noticed", every: .milliseconds(100)) {
                        await system.api(first).readiness()?.status == 503
                    }
                    try await end(first)
                    try await postgres.start()
                }
                let second = try await system.start()
                try await Checker(system: system).check(records, api: system.api(second))
            }
            await postgres.kill()
        }

        @Test func `ends though the broker is away`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                await system.broker.kill()
                try await eventually("it has noticed", every: .milliseconds(100)) {
                    await system.api(server).readiness()?.status == 503
                }
                try await end(server)
            }
        }

        private func end(_ server: ServerProcess) async throws {
            server.process.send(SIGTERM)
            try await eventually("it ends", every: .milliseconds(100)) { server.hasEnded }
            let ending = await server.process.ended()
            guard ending == .exited(0) else { throw Wrong("it ended with \(ending)") }
        }
    }

    enum Outage: Sendable, CustomTestStringConvertible {
        /// A fast shutdown, for as long as the specification says.
        case stopped
        /// kill -9 and on again at once, several times.
        case killed

        var testDescription: String { self == .stopped ? "stopped for 20 s" : "killed" }

        var length: Duration { self == .stopped ? .seconds(20) : .seconds(3) }

        func begin(_ postgres: PrivatePostgres) async {
            switch self {
            case .stopped: await postgres.stop()
            case .killed: await postgres.kill()
            }
        }
    }
}
