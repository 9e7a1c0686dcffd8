import Support

@testable import Runtime

/// What one schedule consists of; the seed chooses it. Rates are in percent.
struct SimulationPlan: Sendable {
    let servers: Int
    /// Of each kind of aggregate.
    let streams: Int
    let writers: Int
    let commands: Int
    /// Most events of a command.
    let events: Int

    let joint: Int
    let keyed: Int
    let repeated: Int
    let cursed: Int
    let fenced: Int
    let pipelined: Int

    let crashes: Int
    let passivations: Int
    let takeovers: Int
    let readings: Int

    let mailbox: Int
    let memory: Int
    let batchEvents: Int
    let waitingEvents: Int
    let feedEvents: Int
    let pageSize: Int

    let slow: Int
    let unreachable: Int
    let lostCommits: Int
    let busy: Int
    let full: Int
    let unreadable: Int
    let corrupt: Int
    let lostSignals: Int
    let lostSnapshots: Int
    let spoiledSnapshots: Int

    init(seed: UInt64) {
        var random = SeededNumbers(seed, stream: 1)
        func one<Value>(of values: Value...) -> Value { values[Int.random(in: 0..<values.count, using: &random)] }
        servers = one(of: 1, 1, 2, 3)
        streams = one(of: 1, 2, 3)
        writers = one(of: 1, 2, 3, 5)
        commands = one(of: 2, 2, 4, 4, 8, 24)
        events = one(of: 1, 2, 3, 3, 40)
        joint = one(of: 0, 0, 20, 60)
        keyed = one(of: 0, 30, 100)
        repeated = one(of: 0, 20, 60)
        cursed = one(of: 0, 0, 10)
        fenced = one(of: 0, 0, 30)
        pipelined = one(of: 0, 50, 100)
        crashes = one(of: 0, 0, 1, 2)
        passivations = one(of: 0, 3, 10)
        takeovers = one(of: 0, 2)
        readings = one(of: 2, 6)
        mailbox = one(of: 2, 6, 4_096, 4_096)
        memory = one(of: .max, .max, 3_000)
        batchEvents = one(of: 1, 3, 500)
        waitingEvents = one(of: 4, 200_000, 200_000)
        feedEvents = one(of: 3, 20_000)
        pageSize = one(of: 2, 1_000)
        slow = one(of: 0, 5, 30)
        unreachable = one(of: 0, 0, 10)
        lostCommits = one(of: 0, 10, 30)
        busy = one(of: 0, 0, 10)
        full = one(of: 0, 0, 10)
        unreadable = one(of: 0, 0, 10)
        corrupt = one(of: 0, 0, 0, 5)
        lostSignals = one(of: 0, 50)
        lostSnapshots = one(of: 0, 30)
        spoiledSnapshots = one(of: 0, 20)
    }

    /// Whether a server's memory of its own aggregates is always the newest there is.
    var isOneServerForAll: Bool { servers == 1 && crashes == 0 }
}
