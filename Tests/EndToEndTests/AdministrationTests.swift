import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `What is done on the command line` {
        private struct Events: Decodable {
            struct Event: Decodable {
                struct Metadata: Decodable { var principal: String }
                struct About: Decodable {
                    var subject: String?
                    var details: [String: String]?
                }
                var type: String
                var account: String
                var data: About
                var metadata: Metadata
            }
            var items: [Event]
        }

        @Test func `is in the log, with who did it, and the program reads it all`() async throws {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let api = system.api(try await system.start())
                let device = try await api.register("thermometer-1")
                try await system.viewsCaughtUp()
                let database = ["--database-url", system.database.serverURL]
                func run(_ command: String...) async throws { _ = try await Executable.run(command + database) }
                try await run("token", "create", "ada", "--role", "reader", "--account", "default")
                let token = try await system.texts("token", "select id from api_tokens where name = 'ada'")[0]
                try await run("token", "revoke", token)
                for account in ["", "no such", "unknown"] {
                    let made = try await Executable.output(["token", "create", "eve", "--account", account] + database)
                    guard !made.succeeded else { throw Wrong("there is a token for the account '\(account)'") }
                }
                try await run("projections", "pause", "devices", "--reason", "to look at it")
                try await run("projections", "resume", "devices")
                try await run("replay", "devices", "--only", device.id)
                try await run("audit", "export", folder + "/log")
                _ = try await Executable.run(
                    ["backup", folder + "/backup", "--migration-database-url", system.database.ownerURL])

                let own = try await events("administration-default", api)
                guard own.map(\.type) == ["TokenCreated", "TokenRevoked"], own.allSatisfy({ $0.account == "default" })
                else { throw Wrong("about the account's token the log says \(own)") }
                let all = try await events("administration-_installation", api)
                let wanted = [
                    "TokenCreated", "ViewPauseRequested", "ViewResumptionRequested", "ViewRebuildRequested",
                    "LogExportBegun", "LogExportEnded", "BackupBegun", "BackupEnded",
                ]
                guard all.map(\.type) == wanted else { throw Wrong("the log says \(all.map(\.type))") }
                guard all.allSatisfy({ $0.metadata.principal.hasPrefix("user:command-line:") }),
                    all[1].data.subject == "devices", all[1].data.details == ["reason": "to look at it"]
                else { throw Wrong("the log says \(all)") }
                guard try String(contentsOfFile: folder + "/log", encoding: .utf8).contains("LogExportBegun") else {
                    throw Wrong("the export does not say that it was made")
                }

                // What fails is not begun unrecorded, and its end is in the log too.
                let failed = try await Executable.output(["projections", "swap-back", "devices"] + database)
                guard !failed.succeeded else { throw Wrong("there was a generation to go back to") }
                let ending = try await events("administration-_installation", api).suffix(2)
                guard ending.map(\.type) == ["ViewSwapBackRequested", "AdministrativeActFailed"] else {
                    throw Wrong("the log ends with \(ending)")
                }

                // Who looked at the device, as the account's own people see it.
                _ = try await api.device(device.id)
                let reads = try await events("access-default", api)
                guard
                    reads.contains(where: { $0.type == "PersonalDataRead" && $0.data.subject == "device-\(device.id)" })
                else { throw Wrong("the log says of reads \(reads)") }
                for command in [["check", "--all"], ["audit", "check"]] {
                    _ = try await Executable.run(command + database)
                }
            }
        }

        @Test func `is in the log where it has changed the schema, from the first migration on`() async throws {
            let database = try await TestDatabase.create(migrated: false)
            try await TestedSystem.with(database: database) { system in
                func migrate() async throws -> [String] {
                    _ = try await Executable.run(["migrate", "--migration-database-url", database.ownerURL])
                    return try await system.texts(
                        "migrations",
                        """
                        select data -> 'details' ->> 'migrations' from events
                        where stream = 'administration-_installation' and type = 'SchemaMigrated' order by position
                        """)
                }
                let all = try await migrate()
                let names = try await system.texts("names", "select name from schema_migrations order by name")
                guard all == [names.joined(separator: " ")], try await system.head == 1 else {
                    throw Wrong("the log says \(all)")
                }
                guard try await migrate() == all else { throw Wrong("it says that it did what it did not") }
                _ = try await Executable.run(["audit", "check", "--database-url", database.serverURL])
            }
            let older = try await TestDatabase.create(migrated: false)
            try await older.migrate(upTo: "0041-last-readings")
            try await TestedSystem.with(database: older) { system in
                let server = try await system.start()
                let told = try await system.texts(
                    "told", "select data -> 'details' ->> 'migrations' from events where type = 'SchemaMigrated'")
                let newer = try await system.texts(
                    "newer", "select name from schema_migrations where name > '0041-last-readings' order by name")
                guard told == [newer.joined(separator: " ")], newer.count > 1 else {
                    throw Wrong("the log says \(told)")
                }
                await server.kill()
            }
        }

        private func events(_ stream: String, _ api: API) async throws -> [Events.Event] {
            try await api.send("GET", "/api/v1/streams/\(stream)/events").value(Events.self).items
        }
    }
}
