import ArgumentParser
import Gateway
import Installation

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Write a consistent copy of the whole database to a file, while it is in use.")

    @Argument(help: "The file to write; it must not exist yet.", completion: .file())
    var file: String

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let url = try installation.ownerURL()
        try await LogAccess.with(url, mayLackMigrations: true) { log in
            try await log.administer(.backupBegun, ended: .backupEnded) {
                try await Backup.backup(to: file, from: url)
            }
        }
        try Console.answer(
            """
            Written to \(file). It holds all events, hashes of keys and the secrets of webhooks: keep it as safe as the \
            database.
            """)
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring a backup back into an empty database, all or nothing, and audit the log in it.")

    @Argument(help: "The file that 'fleetlog backup' wrote.", completion: .file())
    var file: String

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let url = try installation.ownerURL()
        try await Backup.restore(from: file, to: url)
        // What is restored says itself that it was.
        try await LogAccess.with(url, mayLackMigrations: true) { log in
            try await log.administer(.backupRestored) {}
        }
        Console.say("Restored. Auditing the log:")
        // The server's URL may be of another database, such as the one that serves.
        let audit = try await AuditCheckCommand.audit(url)
        try audit.end(as: .text)
    }
}
