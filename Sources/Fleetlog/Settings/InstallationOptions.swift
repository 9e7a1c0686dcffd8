import ArgumentParser
import Foundation
import Installation
import Logging
import Runtime

/// Where a command finds the database: the settings, or the private installation of this folder.
struct InstallationOptions: ParsableArguments {
    @Option(help: "libpq URL of the database; without it the installation under --folder. (FLEETLOG_DATABASE_URL)")
    var databaseURL: String?

    @Option(help: "libpq URL of the schema's owner. (FLEETLOG_MIGRATION_DATABASE_URL)")
    var migrationDatabaseURL: String?

    @Option(help: "Folder of the private installation.")
    var folder = ".fleetlog"

    func serverURL() throws -> String { try url(databaseURL, "database-url") { $0.serverURL } }

    func ownerURL() throws -> String { try url(migrationDatabaseURL, "migration-database-url") { $0.ownerURL } }

    private func url(
        _ flag: String?, _ key: String, _ ofInstallation: (PrivatePostgres) -> String
    ) throws -> String {
        let sources = try SettingsSources(flags: flag.map { [key: $0] } ?? [:])
        if let url = sources.value(key)?.text { return url }
        guard FileManager.default.fileExists(atPath: folder + "/postgres") else {
            throw SettingsError(
                "no database: there is no installation in \(folder), and neither --\(key) nor "
                    + "\(SettingsSources.variable(for: key)) is set")
        }
        return ofInstallation(try PrivatePostgres(in: folder, logger: Logger(label: "fleetlog")))
    }
}
