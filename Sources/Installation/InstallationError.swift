/// Why a private installation cannot be set up, started, saved or restored; `description` tells a user what to do.
package enum InstallationError: Error, Equatable {
    case programMissing(program: String, package: String)
    case guardMissing(path: String)
    case clusterOfOtherVersion(folder: String, found: String, package: String)
    case portInUse(number: Int, purpose: String, flag: String, variable: String)
    case portRefused(number: Int, purpose: String, flag: String, variable: String, reason: String)
    case folderInUse(folder: String, pid: String)
    case folderNotEnterable(directory: String, user: String)
    case fileFailed(path: String, reason: String)
    case authorityUnusable(file: String)
    case folderNotOurs(path: String)
    case spawnFailed(program: String, reason: String)
    case startFailed(program: String, ending: String, log: String, lastLines: String)
    case notRunning(program: String)
    case commandFailed(program: String, ending: String, message: String)
    case urlUnusable(reason: String)
    case nameUnusable(String)
    case databaseNotEmpty(database: String, relations: Int)
    case backupExists(file: String)
    case backupMissing(file: String)
    case cancelled
}

extension InstallationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .programMissing(let program, let package):
            "\(program) is not installed. Install it: apt-get install \(package)"
        case .guardMissing(let path):
            "BrokerGuard, the broker's plugin, is not at \(path), where it belongs beside this program. "
                + "Build it: swift build -c release --product BrokerGuard"
        case .clusterOfOtherVersion(let folder, let found, let package):
            "The cluster in \(folder) was made by Postgres \(found), which is not installed. "
                + "Install it: apt-get install \(package)"
        case .portInUse(let number, let purpose, let flag, let variable):
            "Port \(number) (\(purpose)) is in use by another program. "
                + "Stop that program, or choose another port with \(flag) or \(variable)."
        case .portRefused(let number, let purpose, let flag, let variable, let reason):
            "Port \(number) (\(purpose)) cannot be opened: \(reason). "
                + "Choose another port with \(flag) or \(variable)."
        case .folderInUse(let folder, let pid):
            "Another fleetlog (process \(pid)) is running in \(folder). Stop it first, or use another folder."
        case .folderNotEnterable(let directory, let user):
            "The system user \(user), who runs this service, cannot enter \(directory). "
                + "Allow it (chmod o+x \(directory)), or work in a folder outside of it."
        case .fileFailed(let path, let reason):
            "\(path): \(reason)"
        case .authorityUnusable(let file):
            "\(file) of the authority for devices' certificates is damaged, or does not fit the other file of the pair "
                + "(.crt, .key). Put the right one back; or, if no device has a certificate of this authority, remove both."
        case .folderNotOurs(let path):
            "\(path) belongs to somebody else, or is not a folder. Remove it, or use a shorter folder path."
        case .spawnFailed(let program, let reason):
            "\(program) could not be started: \(reason)"
        case .startFailed(let program, let ending, let log, let lastLines):
            "\(program) ended while starting (\(ending)). Its log is \(log), the last lines are:\n\(lastLines)"
        case .notRunning(let program):
            "\(program) is not running."
        case .commandFailed(let program, let ending, let message):
            "\(program) failed (\(ending)): \(message)"
        case .urlUnusable(let reason):
            "The database URL cannot be used: \(reason)"
        case .nameUnusable(let name):
            "'\(name)' cannot be a database name: lower-case letters, digits and underscores only, at most 63."
        case .databaseNotEmpty(let database, let relations):
            "Database \(database) is not empty (\(relations) tables, views or sequences). Restore into an empty one."
        case .backupExists(let file):
            "\(file) exists already; a backup never overwrites a file."
        case .backupMissing(let file):
            "\(file) cannot be read as a backup file."
        case .cancelled:
            "Stopped while starting."
        }
    }
}
