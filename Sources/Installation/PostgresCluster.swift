import Foundation

/// The files, the account and the arguments of a private cluster.
struct PostgresCluster: Sendable {
    struct Passwords: Sendable {
        let superuser: String
        let owner: String
        let server: String
    }

    static let superuser = "postgres"

    let passwords: Passwords
    let socketFolder: String
    let user: ServiceUser
    private let folder: String
    private let settings: [String: String]
    private let lasting: Bool

    var data: String { folder + "/data" }

    init(in installation: String, settings: [String: String], lasting: Bool) throws(InstallationError) {
        let wanted = URL(fileURLWithPath: installation).path + "/postgres"
        try PrivateFiles.makeFolder(wanted, mode: 0o711)
        folder = try canonicalPath(wanted)
        user = try .unprivileged(["postgres"], package: "postgresql")
        socketFolder = SocketFolder.path(for: folder)
        try PrivateFiles.makeFolder(folder + "/passwords", mode: 0o700)
        passwords = Passwords(
            superuser: try PrivateFiles.secret(in: folder + "/passwords/superuser"),
            owner: try PrivateFiles.secret(in: folder + "/passwords/owner"),
            server: try PrivateFiles.secret(in: folder + "/passwords/server"))
        self.lasting = lasting
        self.settings = Self.ownSettings.merging(settings) { $1 }
    }

    /// Passwords are hexadecimal, names plain: only the folder needs escaping.
    func url(user: String, password: String, database: String) -> String {
        let host = socketFolder.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socketFolder
        return "postgresql://\(user):\(password)@/\(database)?host=\(host)"
    }

    static func checkName(_ name: String) throws(InstallationError) {
        guard name.wholeMatch(of: /[a-z_][a-z0-9_]{0,62}/) != nil else { throw .nameUnusable(name) }
    }

    private static let ownSettings = [
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "cluster_name": "fleetlog",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "max_wal_size": "2GB",
        "shared_buffers": SharedBuffers.setting(of: SharedBuffers.memory),
    ]
}

extension PostgresCluster: Daemon {
    var name: String { "postgres" }
    var log: String { folder + "/log" }
    var stopSignal: CInt { SIGINT }

    func leftovers() -> Leftovers {
        guard let file = PostmasterFile(in: data) else { return Leftovers() }
        let left = RunningProcess(adopting: file.pid) { ProcessTable.workingFolder(of: file.pid) == data }
        guard let left else { return Leftovers() }
        // If the folder has been moved while the server was running, its clients would look in the wrong place.
        guard file.socketFolder != socketFolder else { return Leftovers(asWanted: left) }
        return Leftovers(others: [Superseded(process: left, reason: "its folder has been moved")])
    }

    func prepare() async throws(InstallationError) -> DaemonCommand {
        try await user.checkEntering(folder)
        try await waitForOrphans()
        let programs = try await programsForData()
        try SocketFolder.make(socketFolder, owner: user)
        let options = settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
        return DaemonCommand(
            executable: programs.postgresProgram("postgres"),
            arguments: ["-D", data, "-c", "unix_socket_directories=\(socketFolder)"] + options,
            folder: "/", user: user)
    }

    func isReady(_ process: RunningProcess) -> Bool {
        guard let file = PostmasterFile(in: data) else { return false }
        return file.pid == process.pid && file.isReady
    }

    func finish() async throws(InstallationError) { try await createRoles() }

    /// A killed postmaster's children end by themselves within moments, and the next one must not meet them.
    private func waitForOrphans() async throws(InstallationError) {
        let deadline = ContinuousClock.now + .seconds(10)
        while !ProcessTable.working(in: data).isEmpty, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { throw .cancelled }
        }
        // Nobody works in the folder, so whoever has the recorded number now is somebody else: or it is dead and its
        // parent, that of an orphan in a container, never asks. Postgres would wait for either to go.
        guard ProcessTable.working(in: data).isEmpty else { return }
        unlink(data + "/postmaster.pid")
        unlink(socketFolder + "/.s.PGSQL.5432.lock")
    }

    private func programsForData() async throws(InstallationError) -> Programs {
        let found = PrivateFiles.read(data + "/PG_VERSION")?.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let found else {
            let newest = try Programs.postgres()
            try await createCluster(with: newest)
            return newest
        }
        guard let version = Int(found), let programs = try? Programs.postgres(version: version) else {
            throw .clusterOfOtherVersion(folder: data, found: found, package: "postgresql-\(found)")
        }
        return programs
    }

    /// Made beside its place and moved there when complete: an interrupted attempt leaves nothing half made.
    private func createCluster(with programs: Programs) async throws(InstallationError) {
        let unfinished = folder + "/data.unfinished"
        try? FileManager.default.removeItem(atPath: unfinished)
        try PrivateFiles.makeFolder(unfinished, mode: 0o700, owner: user)
        let password = folder + "/password.once"
        try PrivateFiles.write(passwords.superuser + "\n", to: password, owner: user)
        defer { unlink(password) }
        try await Command(
            programs.postgresProgram("initdb"),
            [
                "--pgdata=\(unfinished)", "--username=\(Self.superuser)", "--pwfile=\(password)",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
            ] + (lasting ? [] : ["--no-sync"]),
            environment: ["TZ": "UTC"], user: user
        ).run()
        guard rename(unfinished, data) == 0 else { throw .failed(data) }
    }
}
