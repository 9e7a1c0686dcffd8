import Foundation

/// The system user a child process runs as: ourselves, unless we are root.
package struct ServiceUser: Sendable, Equatable {
    package let name: String
    let uid: uid_t
    let gid: gid_t

    var isUs: Bool { uid == geteuid() }

    static var us: ServiceUser { ServiceUser(uid: geteuid()) ?? ServiceUser(name: "\(geteuid())") }

    /// Ourselves, or as root the first of `names` that exists: a server reachable by others never runs as root.
    static func unprivileged(_ names: [String], package: String) throws(InstallationError) -> ServiceUser {
        guard geteuid() == 0 else { return us }
        for name in names {
            if let entry = getpwnam(name) { return ServiceUser(entry.pointee) }
        }
        throw .programMissing(program: "The system user \(names[0])", package: package)
    }

    /// Checks that this user can enter `folder`, and names the first directory on the way that is closed.
    func checkEntering(_ folder: String) async throws(InstallationError) {
        guard !isUs else { return }
        var directory = ""
        for part in folder.split(separator: "/") {
            directory += "/" + part
            let attempt = Command("/usr/bin/test", ["-x", directory], user: self)
            guard try await attempt.output().succeeded else {
                throw .folderNotEnterable(directory: directory, user: name)
            }
        }
    }

    /// Makes `path` this user's; nothing to do when that is ourselves.
    func own(_ path: String) throws(InstallationError) {
        guard !isUs else { return }
        guard lchown(path, uid, gid) == 0 else { throw .failed(path) }
    }

    private init(_ entry: passwd) {
        name = String(cString: entry.pw_name)
        uid = entry.pw_uid
        gid = entry.pw_gid
    }

    private init?(uid: uid_t) {
        guard let entry = getpwuid(uid) else { return nil }
        self.init(entry.pointee)
    }

    private init(name: String) {
        self.name = name
        uid = geteuid()
        gid = getegid()
    }
}
