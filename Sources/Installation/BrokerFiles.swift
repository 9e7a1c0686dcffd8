import Foundation

/// The files of a private broker.
package struct BrokerFiles: Sendable {
    /// The user name of the gateway, which may read and write every topic.
    package static let gatewayUser = "fleetlog"

    /// The gateway's password, in clear.
    package let gatewayPassword: String
    /// A client id for the gateway's lasting session that nobody can guess: whoever connects under it would take the
    /// session, and the messages that wait in it, away.
    package let sessionClientID: String
    /// Where that password is kept.
    package var gatewayPasswordFile: String { folder + "/gateway-password" }
    /// `pid_file` of the broker.
    package var processID: String { data + "/mosquitto.pid" }
    /// The same password, where the broker's user can read it.
    package var guardPassword: String { folder + "/access/gateway-password" }
    /// The broker's own copy of BrokerGuard: a build does not change it under a broker that runs, and the broker's user
    /// need not be able to enter the folder of the build.
    package var guardLibrary: String { folder + "/broker-guard.so" }

    let folder: String
    let user: ServiceUser
    let isGuarded: Bool
    let givenDeviceAuthority: String?
    private let givenGuard: String?
    var certificates: BrokerCertificates {
        BrokerCertificates(folder: folder + "/tls", user: user, givenDeviceAuthority: givenDeviceAuthority)
    }
    /// What clients of the broker's port with TLS check its certificate against.
    package var certificateAuthority: String { certificates.authority }
    /// What the broker checks devices' certificates against.
    package var deviceAuthority: String { certificates.deviceAuthority }

    var configuration: String { folder + "/mosquitto.conf" }
    var log: String { folder + "/log" }
    var data: String { folder + "/data" }
    /// Bytes of the save that is under way; 0 if there is none.
    var unfinishedSave: Int {
        var status = stat()
        return stat(data + "/mosquitto.db.new", &status) == 0 ? Int(status.st_size) : 0
    }

    init(
        in installation: String, isGuarded: Bool, deviceAuthority: String? = nil, releasedGuard: String? = nil
    ) throws(InstallationError) {
        givenDeviceAuthority = deviceAuthority
        givenGuard = releasedGuard
        let wanted = URL(fileURLWithPath: installation).path + "/mosquitto"
        try PrivateFiles.makeFolder(wanted, mode: 0o711)
        folder = try canonicalPath(wanted)
        user = try .unprivileged(["mosquitto", "nobody"], package: "mosquitto")
        gatewayPassword = try PrivateFiles.secret(in: folder + "/gateway-password")
        sessionClientID = "fleetlog-" + (try PrivateFiles.secret(in: folder + "/session-client-id"))
        self.isGuarded = isGuarded
    }

    /// Makes what is missing, and brings BrokerGuard up to date.
    func complete(withTLS: Bool) async throws(InstallationError) {
        try await user.checkEntering(folder)
        try PrivateFiles.makeFolder(data, mode: 0o700, owner: user)
        try PrivateFiles.makeFolder(folder + "/access", mode: 0o700, owner: user)
        try PrivateFiles.write(gatewayPassword + "\n", to: guardPassword, owner: user)
        if withTLS { try await certificates.complete() }
        guard isGuarded else { return }
        let library = try releasedGuard()
        guard let code = FileManager.default.contents(atPath: library) else { throw .failed(library) }
        try PrivateFiles.write(Array(code), to: guardLibrary, mode: 0o644)
    }

    /// Whether a broker that was left running has loaded another guard than this release brings; false if nobody can tell.
    ///
    /// Its copy is never written over, only replaced: what it has loaded is the file that is there, or one that is gone.
    func hasOtherGuard(_ pid: Int32) -> Bool {
        guard isGuarded, let released = try? releasedGuard(),
            let wanted = FileManager.default.contents(atPath: released)
        else { return false }
        return ProcessTable.holds(pid, removed: guardLibrary)
            || FileManager.default.contents(atPath: guardLibrary) != wanted
    }

    private func releasedGuard() throws(InstallationError) -> String {
        if let givenGuard { return givenGuard }
        return try Programs.brokerGuard()
    }

    /// Nobody but the guard decides who may come in and what they may do; without it everybody may do everything.
    private var admission: String {
        guard isGuarded else { return "allow_anonymous true" }
        return """
            allow_anonymous false
            plugin \(guardLibrary)
            plugin_opt_gateway_user \(Self.gatewayUser)
            plugin_opt_gateway_password_file \(guardPassword)
            """
    }

    private func listener(with port: PortCheck) -> String {
        """

        listener \(port.number) \(port.address)
        certfile \(certificates.certificate)
        keyfile \(certificates.key)
        tls_version tlsv1.2
        """
    }

    /// Here a device proves itself by its certificate. With `use_identity_as_username` nobody would ask the guard.
    private func certificateListener(with port: PortCheck) -> String {
        """
        \(listener(with: port))
        cafile \(certificates.deviceAuthority)
        require_certificate true
        """
    }

    /// A message larger than 1 MiB ends the connection it came on. No expiry and no queue limit: what a device was
    /// told is taken waits for the server however long that takes. The limit is a number that is never reached: with 0
    /// Debian's 2.0.11 ends the connection of everybody whose publish it refuses.
    func configurationText(port: PortCheck, tls: PortCheck?, certificates: PortCheck?) -> String {
        """
        listener \(port.number) \(port.address)\(tls.map { listener(with: $0) } ?? "")\(certificates.map { certificateListener(with: $0) } ?? "")
        \(admission)
        pid_file \(processID)
        persistence true
        persistence_location \(data)/
        autosave_interval 30
        max_inflight_messages 4000
        max_queued_messages 2000000000
        max_queued_bytes 0
        max_packet_size 1048576
        sys_interval 1
        set_tcp_nodelay true
        log_dest stderr
        log_timestamp_format %Y-%m-%dT%H:%M:%S
        log_type error
        log_type warning
        log_type notice
        log_type information

        """
    }
}
