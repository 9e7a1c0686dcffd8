import ArgumentParser
import Logging
import Runtime

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database's schema up to date; safe to run on several servers.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let applied = try await Migrator.migrate(
            DatabaseURL(installation.ownerURL()), Schema.migrations,
            logger: Logger(label: "fleetlog") { _ in SwiftLogNoOpLogHandler() })
        for name in applied { try Console.answer("applied \(name)") }
        try Console.answer(applied.isEmpty ? "The schema is up to date." : "The schema is up to date now.")
    }
}
