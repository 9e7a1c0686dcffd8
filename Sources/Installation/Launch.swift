import CProcess
import Foundation

/// What is needed to start a process: a session of its own (the terminal's Ctrl-C does not reach it), no
/// descriptor of ours but its three, an environment without surprises.
struct Launch: Sendable {
    var executable: String
    var arguments: [String]
    var folder = "/"
    var environment: [String: String] = [:]
    var user = ServiceUser.us
    var input: CInt?
    var output: CInt
    var errors: CInt

    func start() throws(InstallationError) -> RunningProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        posix_spawn_file_actions_addchdir_np(&actions, folder)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = CInt(POSIX_SPAWN_SETSIGMASK) | CInt(POSIX_SPAWN_SETSIGDEF) | CInt(spawn_new_session)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        let command = commandLine
        let status = withCStrings(command) { arguments in
            withCStrings(fullEnvironment) { environment in
                posix_spawn(&pid, command[0], &actions, &attributes, arguments, environment)
            }
        }
        guard status == 0 else { throw .spawnFailed(program: executable, reason: String(cString: strerror(status))) }
        return try RunningProcess(child: pid)
    }

    // setpriv changes the user and then becomes the program: same process, same number.
    private var commandLine: [String] {
        guard !user.isUs else { return [executable] + arguments }
        return ["/usr/bin/setpriv", "--reuid=\(user.uid)", "--regid=\(user.gid)", "--init-groups", "--", executable]
            + arguments
    }

    private var fullEnvironment: [String] {
        let basis = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
        return basis.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return body(copies)
}
