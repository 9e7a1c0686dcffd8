import Foundation
import Installation
import Runtime
import Support

/// Two servers on a Postgres of their own, and everything that can go wrong with them.
actor FaultyPlace {
    enum Fault: String, CaseIterable {
        case killServer, freezeServer, killPostgres, stopPostgres, fillDisk, turnServersClock, turnDatabasesClock
    }

    private let system: TestedSystem
    private let postgres: PrivatePostgres
    private let disk: SmallDisk?
    private let databaseClock: FakeClock
    private let serversClock: ProcessClock?
    private let cutter: ConnectionCutter
    private let cutDatabase: TestDatabase
    private var servers: [ServerProcess] = []
    private var numbers = SeededNumbers(stream: 7)
    private var deck: ShuffledDeck<Fault>
    /// What strikes here; the rest is not permitted.
    private let permitted: [Fault]
    private var strikes = 0
    private var struck: [Fault: Int] = [:]

    /// - Parameter cutter: by which servers reach Postgres; their connections end again and again.
    init(_ system: TestedSystem, _ postgres: PrivatePostgres, disk: SmallDisk?, cutter: ConnectionCutter) async throws {
        self.system = system
        self.postgres = postgres
        self.disk = disk
        self.cutter = cutter
        cutDatabase = system.database.found(at: cutter.folder)
        databaseClock = try await FakeClock.install(in: system.database, using: system.pool)
        serversClock = try await ProcessClock()
        let (hasDisk, hasClock) = (disk != nil, serversClock != nil)
        permitted = Fault.allCases.filter { fault in
            switch fault {
            case .fillDisk: hasDisk
            case .turnServersClock: hasClock
            case .killServer, .freezeServer, .killPostgres, .stopPostgres, .turnDatabasesClock: true
            }
        }
        deck = ShuffledDeck(permitted, numbers: SeededNumbers(stream: 9))
        for index in 0..<2 { servers.append(try launch(index)) }
        for server in servers { try await server.ready(within: .seconds(60)) }
    }

    /// One of the servers; it may be down.
    var api: API { system.api(servers[Int.random(in: 0..<servers.count, using: &numbers)]) }

    /// Whether each kind has had its turn, and connections were cut in each way.
    var isThrough: Bool { strikes >= permitted.count && cutter.tally.values.allSatisfy { $0 > 0 } }

    /// What is permitted and never struck.
    var missed: [String] {
        permitted.filter { struck[$0] == nil }.map(\.rawValue)
            + cutter.tally.filter { $0.value == 0 }.map(\.key).sorted()
    }

    /// Which faults struck, how often, and which may not strike here.
    var tally: String {
        let faults = permitted.map { "\($0.rawValue) \(struck[$0, default: 0])" }
        let cuts = cutter.tally.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var text = "Faults that struck: \((faults + cuts).joined(separator: ", "))."
        if disk == nil { text += " fillDisk is not permitted: it needs the right to mount a file system." }
        if serversClock == nil { text += " turnServersClock is not permitted: it needs a C compiler." }
        return text
    }

    func strike() async throws {
        let fault = deck.deal()
        strikes += 1
        if try await strikes(fault) { struck[fault, default: 0] += 1 }
        // Whoever looks after Postgres starts it again; it may have ended itself, too.
        try await postgres.start()
        try await rest()
    }

    /// Whether there was something that it could strike.
    private func strikes(_ fault: Fault) async throws -> Bool {
        switch fault {
        case .killServer:
            let index = try victim()
            let isThere = !servers[index].hasEnded
            await servers[index].kill()
            try await rest()
            servers[index] = try launch(index)
            return isThere
        case .freezeServer:
            let index = try victim()
            let isThere = !servers[index].hasEnded
            servers[index].freeze()
            try await rest()
            servers[index].proceed()
            return isThere
        case .killPostgres:
            await postgres.kill()
            try await rest()
            return true
        case .stopPostgres:
            await postgres.stop()
            try await rest()
            return true
        case .fillDisk:
            guard let disk else { return false }
            let isFull = try await disk.fill()
            try await rest()
            disk.makeRoom()
            return isFull
        case .turnServersClock:
            guard let serversClock else { return false }
            try serversClock.jump(by: .random(in: -7_200...7_200, using: &numbers))
            return true
        case .turnDatabasesClock:
            return (try? await databaseClock.jump(by: .random(in: -7_200...7_200, using: &numbers))) != nil
        }
    }

    /// One of the servers, running if it can: one that began while Postgres was away has ended by itself.
    private func victim() throws -> Int {
        let index = Int.random(in: 0..<servers.count, using: &numbers)
        if servers[index].hasEnded { servers[index] = try launch(index) }
        return index
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

extension ConnectionCutter {
    /// How many connections were cut in which way.
    fileprivate var tally: [String: Int] {
        made.reduce(into: ["cutWithinRequest": 0, "cutWithinAnswer": 0, "cutBehindCommit": 0]) { tally, cut in
            switch cut {
            case .request: tally["cutWithinRequest", default: 0] += 1
            case .answer: tally["cutWithinAnswer", default: 0] += 1
            case .commit: tally["cutBehindCommit", default: 0] += 1
            case .never: break
            }
        }
    }
}
