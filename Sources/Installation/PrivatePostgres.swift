import Foundation
package import Logging

/// A Postgres cluster of our own under `<folder>/postgres`, reachable through a Unix socket only.
package struct PrivatePostgres: Sendable {
    /// Owns the database `fleetlog` and its schema; may create roles.
    package static let owner = "fleetlog_owner"
    /// The login role of the server.
    package static let server = "fleetlog_app"
    package static let database = "fleetlog"

    /// libpq URLs of one database, passwords included: never log them.
    package struct URLs: Sendable, Equatable {
        package let owner: String
        package let server: String
        package let superuser: String

        package init(owner: String, server: String, superuser: String) {
            self.owner = owner
            self.server = server
            self.superuser = superuser
        }
    }

    package let process: DaemonProcess
    private let cluster: PostgresCluster

    /// Makes folders and passwords where missing; starts nothing.
    ///
    /// - Parameter settings: more server settings; they win over ours.
    /// - Parameter lasting: whether a new cluster must outlast a crash of the machine from its first moment;
    ///   without, it is made faster. Once it runs it is as durable as any.
    package init(
        in folder: String, settings: [String: String] = [:], lasting: Bool = true, logger: Logger
    ) throws(InstallationError) {
        cluster = try PostgresCluster(in: folder, settings: settings, lasting: lasting)
        process = DaemonProcess(cluster, logger: logger)
    }

    package var ownerURL: String { urls(of: Self.database).owner }
    package var serverURL: String { urls(of: Self.database).server }
    package var superuserURL: String { urls(of: Self.database).superuser }

    package func urls(of database: String) -> URLs {
        URLs(
            owner: cluster.url(user: Self.owner, password: cluster.passwords.owner, database: database),
            server: cluster.url(user: Self.server, password: cluster.passwords.server, database: database),
            superuser: cluster.url(
                user: PostgresCluster.superuser, password: cluster.passwords.superuser, database: database))
    }

    package func start() async throws(InstallationError) { try await process.start() }

    /// A fast shutdown: open transactions are rolled back, what is committed stays.
    package func stop() async { await process.stop() }

    /// kill -9, as a crash would be.
    package func kill() async { await process.kill() }

    package func restart() async throws(InstallationError) { try await process.restart() }

    /// Creates a database that the owner role owns, empty or as a copy of `template` (which nobody may be using).
    package func createDatabase(_ name: String, from template: String? = nil) async throws(InstallationError) -> URLs {
        try PostgresCluster.checkName(name)
        var statement = "create database \(name) owner \(Self.owner)"
        if let template {
            try PostgresCluster.checkName(template)
            statement += " template \(template)"
        }
        try await cluster.perform(statement + ";")
        return urls(of: name)
    }

    /// Removes a database and whoever is connected to it.
    package func dropDatabase(_ name: String) async throws(InstallationError) {
        try PostgresCluster.checkName(name)
        try await cluster.perform("drop database if exists \(name) with (force);")
    }
}
