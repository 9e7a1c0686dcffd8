import Foundation
import Support
import Synchronization

@testable import Installation

/// A program that does nothing, is ready when the test says so, and does not end when it is told to.
final class SlowDaemon: Daemon {
    private struct State {
        var launches = 0
        var looks = 0
        var process: RunningProcess?
    }

    let name = "slow"
    let log: String
    let stopSignal = SIGTERM
    let patience: Patience
    private let folder: String
    private let left: Leftovers
    private let isUp: @Sendable () -> Bool
    /// After how many looks at its stop the program ends; until then each look sees progress. Nil: it is stuck.
    private let stopsAfter: Int?
    private let state = Mutex(State())

    init(
        patience: Patience, stopsAfter: Int? = 0, replacing left: [RunningProcess] = [],
        isUp: @escaping @Sendable () -> Bool = { true }
    ) throws {
        self.left = Leftovers(others: left.map { Superseded(process: $0, reason: "it is slow") })
        folder = try ThrowawayFolder.make()
        log = folder + "/log"
        self.patience = patience
        self.stopsAfter = stopsAfter
        self.isUp = isUp
    }

    var launches: Int { state.withLock { $0.launches } }

    var stopProgress: Int {
        guard let stopsAfter else { return 0 }
        return state.withLock { state in
            state.looks += 1
            if state.looks > stopsAfter { state.process?.send(SIGUSR1) }
            return state.looks
        }
    }

    func leftovers() -> Leftovers { left }

    func prepare() async throws(InstallationError) -> DaemonCommand {
        state.withLock { $0.launches += 1 }
        let script = "trap '' TERM; trap 'exit 7' USR1; echo up; while :; do sleep 0.02; done"
        return DaemonCommand(executable: "/bin/sh", arguments: ["-c", script], folder: folder, user: .us)
    }

    func isReady(_ process: RunningProcess) -> Bool {
        state.withLock { $0.process = process }
        return PrivateFiles.read(log) == "up\n" && isUp()
    }

    func finish() async throws(InstallationError) {}

    func remove() { ThrowawayFolder.remove(folder) }
}
