import Foundation
package import Logging

/// A Mosquitto of our own under `<folder>/mosquitto`, on one port of the loopback interface.
package struct PrivateBroker: Sendable {
    package let process: DaemonProcess
    package let files: BrokerFiles
    package let port: Int
    /// The port with TLS, if it has one.
    package let tlsPort: Int?
    /// The port at which devices prove themselves by certificates, if it has one.
    package let certificatePort: Int?
    package let address: String

    /// Makes the folder and the gateway's password where missing; starts nothing.
    ///
    /// - Parameters:
    ///   - tls: a second port, with TLS by a certificate of the installation's own authority.
    ///   - certificates: a third port, with TLS too, at which devices prove themselves by certificates.
    ///   - deviceAuthority: a file of authorities that sign those, instead of the installation's own.
    ///   - guardLibrary: the BrokerGuard to load, instead of the one beside this program.
    ///   - isGuarded: false for a broker that lets everybody do everything, for measuring what the guard costs.
    package init(
        in folder: String, port: PortCheck, tls: PortCheck? = nil, certificates: PortCheck? = nil,
        deviceAuthority: String? = nil, guardLibrary: String? = nil, isGuarded: Bool = true, logger: Logger
    ) throws(InstallationError) {
        files = try BrokerFiles(
            in: folder, isGuarded: isGuarded, deviceAuthority: deviceAuthority, releasedGuard: guardLibrary)
        self.port = port.number
        address = port.address
        tlsPort = tls?.number
        certificatePort = certificates?.number
        process = DaemonProcess(
            BrokerDaemon(files: files, port: port, tls: tls, certificates: certificates), logger: logger)
    }

    /// Whether a broker of this folder was left running with that port; `folder` is a path without symbolic links.
    static func isListening(on port: Int, in folder: String) -> Bool {
        let configuration = folder + "/mosquitto/mosquitto.conf"
        let isTold = PrivateFiles.read(configuration)?.contains("\nlistener \(port) ") ?? false
        return isTold
            && ProcessTable.working(in: folder + "/mosquitto/data").contains {
                ProcessTable.commandLine(of: $0).dropFirst() == ["-c", configuration]
            }
    }

    /// The port at which the broker of this folder was last told to let devices in by certificate.
    package static func certificatePort(in folder: String) -> Int? {
        let lines = (PrivateFiles.read(folder + "/mosquitto/mosquitto.conf") ?? "").split(separator: "\n")
        guard let end = lines.firstIndex(of: "require_certificate true"),
            let listener = lines[..<end].last(where: { $0.hasPrefix("listener ") })
        else { return nil }
        return listener.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    package func start() async throws(InstallationError) { try await process.start() }

    /// A clean stop: sessions and queues are saved.
    package func stop() async { await process.stop() }

    /// kill -9, as a crash would be: what was not saved is lost.
    package func kill() async { await process.kill() }

    package func restart() async throws(InstallationError) { try await process.restart() }
}

private struct BrokerDaemon: Daemon {
    let files: BrokerFiles
    let port: PortCheck
    let tls: PortCheck?
    let certificates: PortCheck?

    var name: String { "mosquitto" }
    var log: String { files.log }
    var stopSignal: CInt { SIGTERM }
    var stopProgress: Int { files.unfinishedSave }

    private var configuration: String { files.configurationText(port: port, tls: tls, certificates: certificates) }
    private var arguments: [String] { ["-c", files.configuration] }

    func leftovers() -> Leftovers {
        var all = Leftovers()
        for pid in ProcessTable.working(in: files.data) {
            let left = RunningProcess(adopting: pid) { ProcessTable.commandLine(of: pid).dropFirst() == arguments[...] }
            guard let left else { continue }
            guard let reason = reasonToReplace(pid) else { return Leftovers(asWanted: left) }
            all.others.append(Superseded(process: left, reason: reason))
        }
        return all
    }

    /// Nil for one that would be started the same now.
    private func reasonToReplace(_ pid: Int32) -> String? {
        if PrivateFiles.read(files.configuration) != configuration { return "its settings have changed" }
        return files.hasOtherGuard(pid) ? "it has loaded the guard of another release" : nil
    }

    func prepare() async throws(InstallationError) -> DaemonCommand {
        let program = try Programs.mosquitto()
        try port.check()
        try tls?.check()
        try certificates?.check()
        try await files.complete(withTLS: tls != nil || certificates != nil)
        try PrivateFiles.write(configuration, to: files.configuration, owner: files.user)
        OpenFiles.allowMany()
        return DaemonCommand(executable: program, arguments: arguments, folder: files.data, user: files.user)
    }

    func isReady(_ process: RunningProcess) -> Bool { PortCheck.answers(port.number, at: port.address) }

    func finish() async throws(InstallationError) {}
}

/// A connection is a file to the kernel, and the usual limit of 1,024 is a small fleet.
private enum OpenFiles {
    /// Raises our own limit, which children inherit, as far as the system allows.
    static func allowMany() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 1 << 18))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
