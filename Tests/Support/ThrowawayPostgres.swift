package import Installation
import Logging

/// Postgres for tests: one cluster a test process, or one of your own when a test stops or kills it.
package enum ThrowawayPostgres {
    /// The cluster that all tests of this process share, each in a database of its own.
    package static func shared() async throws -> PrivatePostgres { try await SharedCluster.instance.running() }

    /// A cluster for one test; `fsync` is on as everywhere. It vanishes with the test process.
    package static func start(in given: String? = nil) async throws -> PrivatePostgres {
        let postgres = try prepare(in: given ?? ThrowawayFolder.make())
        try await postgres.start()
        return postgres
    }

    /// One that does not run yet; `folder` lies in a `ThrowawayFolder`.
    package static func prepare(in folder: String) throws -> PrivatePostgres {
        try PrivatePostgres(in: folder, settings: settings, lasting: false, logger: quiet)
    }

    // Many suites, each with pools, share the cluster.
    private static let settings = ["max_connections": "300", "shared_buffers": "64MB"]
}

private actor SharedCluster {
    static let instance = SharedCluster()

    private var starting: Task<PrivatePostgres, any Error>?

    func running() async throws -> PrivatePostgres {
        // Not a child task: the first test to ask may end before the others that wait for the same start.
        let task = starting ?? Task { try await ThrowawayPostgres.start() }
        starting = task
        return try await task.value
    }
}

let quiet = Logger(label: "fleetlog.tests") { _ in SwiftLogNoOpLogHandler() }
