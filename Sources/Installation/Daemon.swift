import Foundation

/// What `DaemonProcess` must know of a server program to run it.
protocol Daemon: Sendable {
    var name: String { get }
    /// Where its output goes; kept readable for its owner only.
    var log: String { get }
    /// Asks for a clean stop that does not wait for clients.
    var stopSignal: CInt { get }
    var patience: Patience { get }
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
    var others: [RunningProcess] = []
}

struct DaemonCommand: Sendable {
    let executable: String
    let arguments: [String]
    let folder: String
    let user: ServiceUser
}

/// The file that takes what a server program prints.
enum DaemonLog {
    /// Opens for appending; what has grown past 16 MiB is put aside as `<path>.1`.
    static func open(_ path: String) throws(InstallationError) -> CInt {
        var status = stat()
        if stat(path, &status) == 0, status.st_size > 16 << 20 { rename(path, path + ".1") }
        let file = Foundation.open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .failed(path) }
        return file
    }

    static func lastLines(of path: String) -> String {
        let lines = (PrivateFiles.read(path) ?? "").split(separator: "\n")
        return lines.suffix(5).joined(separator: "\n")
    }
}
