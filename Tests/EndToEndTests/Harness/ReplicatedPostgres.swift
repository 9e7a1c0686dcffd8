import Foundation
import Runtime
import Support

@testable import Installation

/// A primary whose commits wait for a standby, and the standby.
struct ReplicatedPostgres: Sendable {
    let primary: PrivatePostgres
    let standby: DaemonProcess
    /// Where clients find the standby.
    let standbyPlace: String
    private let primaryCluster: PostgresCluster
    private let standbyCluster: PostgresCluster

    static func start() async throws -> ReplicatedPostgres {
        let (folder, standbyFolder) = (try ThrowawayFolder.make(), try ThrowawayFolder.make())
        let postgres = try await ReplicatedPostgres(
            primary: ThrowawayPostgres.start(in: folder), in: folder, standbyFolder: standbyFolder)
        try await postgres.copyPrimary()
        try await postgres.standby.start()
        // On both, as it is where either may be the primary.
        try await postgres.requireStandby(postgres.standbyCluster)
        try await postgres.requireStandby(postgres.primaryCluster)
        try await eventually(within: .seconds(30), "the standby is synchronous", every: .milliseconds(50)) {
            try await postgres.primaryCluster.ask("select sync_state from pg_stat_replication") == "sync"
        }
        return postgres
    }

    private init(primary: PrivatePostgres, in folder: String, standbyFolder: String) async throws {
        self.primary = primary
        primaryCluster = try PostgresCluster(in: folder, settings: [:], lasting: false)
        // The roles come with the data, and their passwords with them.
        try FileManager.default.createDirectory(
            atPath: standbyFolder + "/postgres", withIntermediateDirectories: false)
        try FileManager.default.copyItem(
            atPath: folder + "/postgres/passwords", toPath: standbyFolder + "/postgres/passwords")
        standbyCluster = try PostgresCluster(
            in: standbyFolder, settings: ["cluster_name": Self.standbyName, "max_connections": "300"], lasting: false)
        standby = DaemonProcess(StandbyDaemon(cluster: standbyCluster), logger: quiet)
        standbyPlace = standbyCluster.socketFolder
    }

    /// kill -9 of the primary and all its processes at once, as when its machine is gone.
    func killPrimary() async {
        for process in ProcessTable.working(in: primaryCluster.data) { Foundation.kill(process, SIGKILL) }
        await primary.kill()
    }

    /// What an operator does: nobody is to wait for a standby that the new primary does not have.
    func promoteStandby() async throws {
        try await standbyCluster.perform(
            """
            alter system reset synchronous_standby_names;
            select pg_reload_conf();
            select pg_promote();

            """)
    }

    func kill() async {
        await primary.kill()
        await standby.kill()
    }

    private static let standbyName = "standby"

    private func requireStandby(_ cluster: PostgresCluster) async throws {
        try await cluster.perform(
            """
            alter system set synchronous_standby_names = '\(Self.standbyName)';
            select pg_reload_conf();

            """)
    }

    private func copyPrimary() async throws {
        try PrivateFiles.makeFolder(standbyCluster.data, mode: 0o700, owner: standbyCluster.user)
        try await Command(
            Programs.postgres().postgresProgram("pg_basebackup"),
            ["--pgdata=\(standbyCluster.data)", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"],
            environment: [
                "PGHOST": primaryCluster.socketFolder, "PGUSER": PostgresCluster.superuser,
                "PGPASSWORD": primaryCluster.passwords.superuser,
            ], user: standbyCluster.user
        ).run()
    }
}

/// A cluster that follows another, in which nothing can be made.
private struct StandbyDaemon: Daemon {
    let cluster: PostgresCluster

    var name: String { "standby" }
    var log: String { cluster.log }
    var stopSignal: CInt { cluster.stopSignal }
    var patience: Patience { cluster.patience }

    func leftovers() -> Leftovers { Leftovers() }
    func prepare() async throws(InstallationError) -> DaemonCommand { try await cluster.prepare() }
    func isReady(_ process: RunningProcess) -> Bool { cluster.isReady(process) }
    func finish() async throws(InstallationError) {}
}

extension PostgresCluster {
    fileprivate func ask(_ question: String) async throws -> String {
        try await Command(
            Programs.postgres().postgresProgram("psql"),
            ["--no-psqlrc", "--tuples-only", "--no-align", "-c", question],
            environment: [
                "PGHOST": socketFolder, "PGUSER": Self.superuser, "PGPASSWORD": passwords.superuser,
                "PGDATABASE": "postgres",
            ]
        ).run().trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
