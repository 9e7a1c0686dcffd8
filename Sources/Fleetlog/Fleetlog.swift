import ArgumentParser
import Foundation

@main
struct Fleetlog: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleetlog",
        abstract: "The event-sourced server behind a fleet of IoT devices.",
        discussion: """
            `fleetlog up` brings its own Postgres and Mosquitto and keeps everything under .fleetlog/ of this folder; \
            `fleetlog serve` uses yours. The other commands find the installation of the folder they are run in.
            """,
        subcommands: [
            UpCommand.self, ServeCommand.self, MigrateCommand.self, ReplayCommand.self, ProjectionsCommand.self,
            AuditCommand.self,
            CheckCommand.self, SnapshotsCommand.self, BackupCommand.self, RestoreCommand.self, RetainCommand.self,
            TokenCommand.self, DevicesCommand.self,
            SimulateCommand.self,
            BenchCommand.self,
        ])

    static func main() async {
        // Who reads our output may leave; then writing fails, and what is under way is not torn off.
        signal(SIGPIPE, SIG_IGN)
        await main(nil)
    }
}
