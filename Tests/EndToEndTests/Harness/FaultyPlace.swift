import Foundation
import Installation
import Runtime
import Support

/// Two servers on a Postgres of their own, and everything that can go wrong with them.
actor FaultyPlace {
    enum Fault: CaseIterable {
        case killServer, freezeServer, killPostgres, stopPostgres, fillDisk, turnServersClock, turnDatabasesClock
    }

    private let system: TestedSystem
    private let postgres: PrivatePostgres
    private let disk: SmallDisk?
    private let databaseClock: FakeClock
    private let serversClock: ProcessClock?
    private let cutDatabase: TestDatabase
    private var servers: [ServerProcess] = []
    private var numbers = SeededNumbers(stream: 7)
    /// Those that have not had their turn yet; then all begin again.
    private var ahead: [Fault] = []

    /// - Parameter cutter: by which servers reach Postgres; their connections end again and again.
    init(_ system: TestedSystem, _ postgres: PrivatePostgres, disk: SmallDisk?, cutter: ConnectionCutter) async throws {
        self.system = system
        self.postgres = postgres
        self.disk = disk
        cutDatabase = system.database.found(at: cutter.folder)
        databaseClock = try await FakeClock.install(in: system.database, using: system.pool)
        serversClock = try await ProcessClock()
        for index in 0..<2 { servers.append(try launch(index)) }
        for server in servers { try await server.ready(within: .seconds(60)) }
    }

    /// One of the servers; it may be down.
    var api: API { system.api(servers[Int.random(in: 0..<servers.count, using: &numbers)]) }

    func strike() async throws {
        if ahead.isEmpty { ahead = Fault.allCases.shuffled(using: &numbers) }
        let fault = ahead.removeLast()
        let index = Int.random(in: 0..<servers.count, using: &numbers)
        switch fault {
        case .killServer:
            await servers[index].kill()
            try await rest()
            servers[index] = try launch(index)
        case .freezeServer:
            servers[index].freeze()
            try await rest()
            servers[index].proceed()
        case .killPostgres:
            await postgres.kill()
            try await rest()
        case .stopPostgres:
            await postgres.stop()
            try await rest()
        case .fillDisk:
            try await disk?.fill()
            try await rest()
            disk?.makeRoom()
        case .turnServersClock: try serversClock?.jump(by: .random(in: -7_200...7_200, using: &numbers))
        case .turnDatabasesClock: try? await databaseClock.jump(by: .random(in: -7_200...7_200, using: &numbers))
        }
        // Whoever looks after Postgres starts it again; it may have ended itself, too.
        try await postgres.start()
        try await rest()
    }

    /// Lets everything run, with true clocks.
    func recover() async throws {
        disk?.makeRoom()
        try await postgres.start()
        try serversClock?.jump(by: 0)
        for index in servers.indices where servers[index].hasEnded { servers[index] = try launch(index) }
        try await eventually(within: .seconds(30), "the clock is right", every: .milliseconds(200)) {
            (try? await databaseClock.jump(by: 0)) != nil
        }
        for server in servers { try await server.ready(within: .seconds(60)) }
    }

    private func launch(_ index: Int) throws -> ServerProcess {
        try system.launch(
            "server-\(index)",
            more: (serversClock?.environment ?? [:]).merging(["FLEETLOG_DATABASE_URL": cutDatabase.serverURL]) { $1 })
    }

    private func rest() async throws {
        try await Task.sleep(for: .milliseconds(Int.random(in: 100...900, using: &numbers)))
    }
}
