import Foundation

/// Where Debian's packages put the programs we run.
package struct Programs: Sendable {
    /// The folder with `initdb`, `postgres`, `psql`, `pg_dump` and `pg_restore`.
    package let postgresFolder: String
    package let postgresVersion: Int

    /// The newest Postgres from 15 on, or exactly `version` (that of an existing cluster).
    package static func postgres(
        version: Int? = nil, under root: String = "/usr/lib/postgresql"
    ) throws(InstallationError) -> Programs {
        let installed = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let usable =
            installed
            .compactMap { Int($0) }
            .filter { $0 >= oldestPostgres && access("\(root)/\($0)/bin/postgres", X_OK) == 0 }
        if let chosen = version.map({ wanted in usable.first { $0 == wanted } }) ?? usable.max() {
            return Programs(postgresFolder: "\(root)/\(chosen)/bin", postgresVersion: chosen)
        }
        throw .programMissing(
            program: "Postgres \(version.map(String.init) ?? "\(oldestPostgres) or newer")",
            package: version.map { "postgresql-\($0)" } ?? "postgresql")
    }

    package static func mosquitto(
        searching folders: [String] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"]
    ) throws(InstallationError) -> String {
        try find("mosquitto", in: folders, package: "mosquitto")
    }

    static func openssl() throws(InstallationError) -> String {
        try find("openssl", in: ["/usr/bin", "/usr/local/bin"], package: "openssl")
    }

    /// The plugin of the broker, which is built and shipped beside this program.
    static func brokerGuard() throws(InstallationError) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let library = (own as NSString).deletingLastPathComponent + "/libBrokerGuard.so"
        guard access(library, R_OK) == 0 else { throw .guardMissing(path: library) }
        return library
    }

    func postgresProgram(_ name: String) -> String { "\(postgresFolder)/\(name)" }

    private static let oldestPostgres = 15

    private static func find(_ name: String, in folders: [String], package: String) throws(InstallationError) -> String
    {
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        throw .programMissing(program: name, package: package)
    }
}
