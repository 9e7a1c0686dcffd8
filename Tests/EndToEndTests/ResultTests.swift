import Foundation
import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A command whose result gets nowhere` {
        @Test func `has failed, and says why`() async throws {
            let database = try await TestDatabase.create()
            let urls = ["--database-url", database.serverURL, "--migration-database-url", database.ownerURL]
            let commands = [
                ["migrate"], ["projections"], ["projections", "pause", "devices"],
                ["projections", "resume", "devices"],
                ["replay", "devices"], ["projections", "swap-back", "devices"],
                ["projections", "drop-previous", "devices"],
                ["check"], ["check", "--json"], ["audit", "check"], ["audit", "check", "--json"],
                ["snapshots", "verify"], ["snapshots", "verify", "--json"], ["retain", "--telemetry", "1d"],
            ]
            for command in commands {
                let output = try await Executable.output(intoFullDevice: command + urls)
                #expect(output.ending == .exited(1), "\(command): \(output.errors)")
                #expect(output.errors.contains("No space left on device"), "\(command): \(output.errors)")
            }
        }
    }
}
