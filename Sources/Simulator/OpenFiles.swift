import Glibc

/// A connection is a file to the kernel, and the usual limit of 1,024 is a small fleet.
enum OpenFiles {
    /// libmosquitto opens a socket a device, and a pair of its own.
    private static let filesADevice = 3
    private static let others = 200

    /// Raises the limit as far as the system lets us.
    static func allow(devices: Int) throws(SimulationError) {
        let wanted = rlim_t(devices * filesADevice + others)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_max >= wanted else {
            throw .system(
                "\(devices) devices need \(wanted) open files, the system allows \(limit.rlim_max): "
                    + "raise it with ulimit -n, or simulate fewer")
        }
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = wanted
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
