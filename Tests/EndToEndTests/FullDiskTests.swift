import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `While the disk of Postgres is full` {
        @Test(.enabled("needs the right to mount a file system") { await SmallDisk.isPermitted() })
        func `commands are refused and messages wait, and everything goes on when there is room`() async throws {
            let disk = try await SmallDisk(megabytes: 400)
            let postgres = try await ThrowawayPostgres.start(in: disk.folder)
            try await TestedSystem.with(postgres: postgres) { system in
                let server = try await system.start()
                let api = system.api(server)
                let records = try await Load.during(on: system, api: api, rate: 300) { load in
                    try await system.growth(by: 200)
                    try await disk.fill()
                    let device = load.devices[0].id
                    try await eventually(within: .seconds(60), "a command is refused", every: .milliseconds(200)) {
                        let text = String(repeating: "x", count: 150) + "\(UInt32.random(in: 0 ... .max))"
                        return try await api.rename(device, text).status == 503
                    }
                    let (head, acknowledged) = (try? await system.head, await load.acknowledged)
                    try await eventually("the broker takes more", every: .milliseconds(100)) {
                        await load.acknowledged > acknowledged + 300
                    }
                    if let head, let now = try? await system.head, now > head + 300 {
                        throw Wrong("the disk was not full: \(now - head) events were stored")
                    }
                    disk.makeRoom()
                    // Postgres ends itself if it cannot write its log; whoever looks after it starts it again.
                    try await postgres.start()
                    try await system.growth(by: 300, within: .seconds(60))
                }
                try await Checker(system: system).check(records, api: api)
            }
            await postgres.kill()
            await disk.remove()
        }
    }
}
