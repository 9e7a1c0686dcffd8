import Foundation

/// Where a cluster's Unix socket lies: the kernel allows 107 bytes for the whole path, and folders may be deep.
enum SocketFolder {
    static func path(for cluster: String) -> String {
        let beside = cluster + "/socket"
        if (beside + "/.s.PGSQL.5432").utf8.count <= 107 { return beside }
        return "/tmp/fleetlog-\(fingerprint(of: cluster))"
    }

    /// Makes it, for its owner only. In `/tmp` anybody could have made it before us.
    static func make(_ path: String, owner: ServiceUser) throws(InstallationError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .failed(path) }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .failed(path) }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard isFolder, status.st_uid == owner.uid || status.st_uid == geteuid() else {
            throw .folderNotOurs(path: path)
        }
        guard chmod(path, 0o700) == 0 else { throw .failed(path) }
        try owner.own(path)
    }

    // FNV-1a: the same in each run, which Swift's own hashes are not.
    private static func fingerprint(of text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 36)
    }
}
