import Foundation

/// What `DaemonProcess` must know of a server program to run it.
protocol Daemon: Sendable {
    var name: String { get }
    /// Where its output goes; kept readable for its owner only.
    var log: String { get }
    /// Asks for a clean stop that does not wait for clients.
    var stopSignal: CInt { get }
    var patience: Patience { get }
    var logBounds: LogBounds { get }
    /// What changes as long as a stop that takes long gets on, for example the size of what is being saved.
    var stopProgress: Int { get }

    func leftovers() -> Leftovers
    /// Everything a start needs; throws before anything is half started.
    func prepare() async throws(InstallationError) -> DaemonCommand
    func isReady(_ process: RunningProcess) -> Bool
    /// Once it is ready, started or taken over.
    func finish() async throws(InstallationError)
}

extension Daemon {
    var patience: Patience { Patience() }
    var logBounds: LogBounds { LogBounds() }
    var stopProgress: Int { 0 }
}

/// How long is waited for a server program.
///
/// To be ready it may take as long as it lives: restoring a queue or recovering from a crash may take hours, and would
/// begin anew.
struct Patience: Sendable {
    /// After how long the log says, again and again, that it is waited for.
    var notice: Duration = .seconds(60)
    /// How long a stop may show no progress before it is ended by force.
    var stop: Duration = .seconds(600)
    /// How often progress is looked for.
    var look: Duration = .seconds(1)
}

/// What an earlier life of ours left running.
struct Leftovers: Sendable {
    /// One that runs as it would be started now.
    var asWanted: RunningProcess?
    /// Those that must stop before.
    var others: [Superseded] = []
}

/// One that was left running and cannot go on as it is.
struct Superseded: Sendable {
    let process: RunningProcess
    /// What the log says of it.
    let reason: String
}

struct DaemonCommand: Sendable {
    let executable: String
    let arguments: [String]
    let folder: String
    let user: ServiceUser
}
