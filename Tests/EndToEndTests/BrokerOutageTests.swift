import Foundation
import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `When the broker goes away` {
        @Test func `a clean restart loses and doubles nothing, and the subscription lives`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let records = try await Load.during(on: system, api: system.api(server), rate: 150) { _ in
                    for _ in 1...4 {
                        try await system.growth(by: 60)
                        try await system.broker.restart()
                        try await system.growth(by: 60)
                    }
                }
                try await Checker(system: system).check(records, api: system.api(server))
            }
        }

        /// A killed broker forgets what it had queued and who had subscribed. So no more is promised than this: what
        /// reached our session is in the log, a device that repeats what it is not sure of is counted once if it says
        /// `seq` or `ts`, and after each restart new messages arrive.
        @Test func `kill -9 doubles nothing that has seq or ts, and the subscription lives`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let records = try await Load.during(
                    on: system, api: system.api(server), markings: [.seqAndTime, .time], devicesEach: 4, rate: 150
                ) { _ in
                    for _ in 1...5 {
                        try await system.growth(by: 60)
                        await system.broker.kill()
                        try await system.broker.start()
                        try await system.growth(by: 60)
                    }
                }
                try await Checker(system: system).checkAfterBrokerCrash(records, api: system.api(server))
                guard !server.hasEnded else { throw Wrong("the server ended") }
            }
        }

        /// The broker counts packet ids anew after it was killed, and the log cannot say so while Postgres is away.
        @Test func `a message like the one before is counted, though Postgres was away at the time`() async throws {
            let postgres = try await ThrowawayPostgres.start()
            try await TestedSystem.with(postgres: postgres) { system in
                let server = try await system.start()
                let device = try await system.api(server).register("monotonous")
                let (message, topic) = (Array(#"{"motion":true}"#.utf8), "devices/\(device.id)/telemetry")
                try await system.connect(device).deliver(message, to: topic)
                try await eventually("the first is recorded") { try await system.readings == 1 }

                await system.broker.kill()
                await postgres.kill()
                try await system.broker.start()
                // It has a session at the broker again, and no log to note that in.
                try await eventually("ingest has met the new broker") { server.hasLogged("Ingest waits for the log") }
                try await postgres.start()
                try await server.ready()
                try await system.connect(device).deliver(message, to: topic)
                try await eventually("the second is recorded") { try await system.readings == 2 }
            }
            await postgres.kill()
        }
    }
}
