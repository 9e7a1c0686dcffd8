import Foundation
package import Installation

/// A fresh database in the shared cluster.
package struct TestDatabase: Sendable {
    package let name: String
    package let ownerURL: String
    package let serverURL: String
    package let superuserURL: String

    /// - Parameter migrated: with the current schema, copied from a database that was migrated once, or empty.
    /// - Parameter postgres: another cluster than the shared one.
    package static func create(migrated: Bool = true, in postgres: PrivatePostgres? = nil) async throws -> TestDatabase
    {
        let cluster = if let postgres { postgres } else { try await ThrowawayPostgres.shared() }
        let name = "test_" + String(UInt64.random(in: .min ... .max), radix: 36)
        guard migrated else { return TestDatabase(name, try await cluster.createDatabase(name)) }
        guard postgres == nil else {
            let database = TestDatabase(name, try await cluster.createDatabase(name))
            try await Schema.migrate(database.ownerURL)
            return database
        }
        try await MigratedTemplate.instance.ready(in: cluster)
        return TestDatabase(name, try await cluster.createDatabase(name, from: MigratedTemplate.name))
    }

    /// The same database, looked for at another socket if the first takes no writes.
    package func alsoFound(at socketFolder: String) -> TestDatabase { reached { $0 + "," + socketFolder } }

    /// The same database, found elsewhere: the last host of a URL counts.
    package func found(at socketFolder: String) -> TestDatabase { reached { $0 + "&host=" + socketFolder } }

    /// Where its socket is.
    package var socketFolder: String {
        (serverURL.components(separatedBy: "host=").last ?? "").removingPercentEncoding ?? ""
    }

    private func reached(_ way: (String) -> String) -> TestDatabase {
        TestDatabase(
            name,
            PrivatePostgres.URLs(owner: way(ownerURL), server: way(serverURL), superuser: way(superuserURL)))
    }

    /// Applies what it lacks.
    ///
    /// - Parameter last: the name of the last migration that is applied; all if nil.
    package func migrate(upTo last: String? = nil) async throws { try await Schema.migrate(ownerURL, upTo: last) }

    private init(_ name: String, _ urls: PrivatePostgres.URLs) {
        self.name = name
        ownerURL = urls.owner
        serverURL = urls.server
        superuserURL = urls.superuser
    }
}

private actor MigratedTemplate {
    static let instance = MigratedTemplate()
    static let name = "migrated_template"

    private var making: Task<Void, any Error>?

    func ready(in cluster: PrivatePostgres) async throws {
        // Not a child task: the first test to ask may end before the others that wait for the same template.
        let task =
            making
            ?? Task {
                let urls = try await cluster.createDatabase(Self.name)
                try await Schema.migrate(urls.owner)
            }
        making = task
        try await task.value
    }
}
