import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A backup that is taken under load` {
        @Test func `comes back as an audited log that the original begins with`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let target = try await TestDatabase.create(migrated: false)
                let folder = try ThrowawayFolder.make()
                let file = folder + "/backup"
                let records = try await Load.during(on: system, api: system.api(server), rate: 200) { _ in
                    try await system.growth(by: 200)
                    _ = try await Executable.run(
                        ["backup", file, "--migration-database-url", system.database.ownerURL])
                    try await system.growth(by: 100)
                }
                let text = try await Executable.run(
                    [
                        "restore", file, "--migration-database-url", target.ownerURL,
                    ])
                guard text.contains("Nothing is missing") else { throw Wrong("the restored log: \(text)") }
                // The last event says that the log was restored, and by whom.
                let end = try await system.fingerprint(of: target.superuserURL, upTo: .max).0
                let (head, fingerprint) = try await system.fingerprint(of: target.superuserURL, upTo: end - 1)
                let original = try await system.fingerprint(of: system.database.superuserURL, upTo: head)
                guard head > 200, original == (head, fingerprint) else {
                    throw Wrong("the restored log is no beginning of the original")
                }
                try await Checker(system: system).check(records, api: system.api(server))
                ThrowawayFolder.remove(folder)
            }
        }

        @Test func `is audited where it was restored to, whatever database serves`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let device = try await system.api(server).register("thermometer-1")
                try await system.viewsCaughtUp()
                await server.kill()
                _ = try await system.texts(
                    "change a row", "update devices set name = 'changed' where id = '\(device.id)' returning id")
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let file = folder + "/backup"
                _ = try await Executable.run(["backup", file, "--migration-database-url", system.database.ownerURL])

                // One of them has nothing in it that could be wrong.
                let others = [[:], ["FLEETLOG_DATABASE_URL": try await TestDatabase.create().serverURL]]
                for environment in others {
                    let target = try await TestDatabase.create(migrated: false)
                    let output = try await Executable.output(
                        ["restore", file, "--folder", folder + "/none", "--migration-database-url", target.ownerURL],
                        environment: environment)
                    guard output.ending == .exited(1), output.text.contains("FINDING: views: stream device-") else {
                        throw Wrong("\(output.ending) of \(environment): \(output.text)\(output.errors)")
                    }
                }
            }
        }
    }
}

extension TestedSystem {
    /// The last position up to `position`, and a hash over everything up to there.
    fileprivate func fingerprint(of url: String, upTo position: Int64) async throws -> (Int64, String) {
        let pool = PostgresPool(url: try DatabaseURL(url), size: 1, threads: [thread], logger: quiet)
        defer { pool.close() }
        let statement = Statement(
            "fingerprint",
            """
            select max(position), md5(string_agg(md5(e::text), '' order by position))
            from events e where position <= $1
            """)
        let rows = try await pool.withConnection { try await $0.query(statement(.int8(position))) }
        guard let row = rows.first else { throw Wrong("no events") }
        return (try row.int8(0), try row.text(1))
    }
}
