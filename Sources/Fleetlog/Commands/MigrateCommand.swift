import ArgumentParser

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database's schema up to date; safe to run on several servers.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let applied = try await Schema.migrate(installation.ownerURL(), logger: quiet)
        for name in applied { try Console.answer("applied \(name)") }
        try Console.answer(applied.isEmpty ? "The schema is up to date." : "The schema is up to date now.")
    }
}
