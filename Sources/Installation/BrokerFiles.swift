import Foundation

/// The files of a private broker, and how others must write them.
package struct BrokerFiles: Sendable {
    /// The user name of the gateway, which may read and write every topic.
    package static let gatewayUser = "fleetlog"

    /// `password_file` of the broker: the gateway's line, then one a device.
    package let passwords: String
    /// `acl_file` of the broker.
    package let acl: String
    /// The gateway's password, in clear.
    package let gatewayPassword: String
    /// A client id for the gateway's lasting session that nobody can guess: whoever connects under it would take the
    /// session, and the messages that wait in it, away.
    package let sessionClientID: String
    /// Where that password is kept.
    package var gatewayPasswordFile: String { folder + "/gateway-password" }
    /// `pid_file` of the broker.
    package var processID: String { data + "/mosquitto.pid" }

    let folder: String
    let user: ServiceUser

    var configuration: String { folder + "/mosquitto.conf" }
    var log: String { folder + "/log" }
    var data: String { folder + "/data" }

    init(in installation: String) throws(InstallationError) {
        let wanted = URL(fileURLWithPath: installation).path + "/mosquitto"
        try PrivateFiles.makeFolder(wanted, mode: 0o711)
        folder = try canonicalPath(wanted)
        user = try .unprivileged(["mosquitto", "nobody"], package: "mosquitto")
        passwords = folder + "/access/passwords"
        acl = folder + "/access/acl"
        gatewayPassword = try PrivateFiles.secret(in: folder + "/gateway-password")
        sessionClientID = "fleetlog-" + (try PrivateFiles.secret(in: folder + "/session-client-id"))
    }

    /// Makes what is missing; what the gateway has written since stays.
    func complete() async throws(InstallationError) {
        try await user.checkEntering(folder)
        try PrivateFiles.makeFolder(data, mode: 0o700, owner: user)
        try PrivateFiles.makeFolder(folder + "/access", mode: 0o700, owner: user)
        if access(passwords, F_OK) != 0 {
            let unfinished = folder + "/passwords.unfinished"
            try PrivateFiles.write("\(Self.gatewayUser):\(gatewayPassword)\n", to: unfinished)
            // Hashes the file in place: the password appears in no command line.
            try await Command(Programs.mosquittoPasswords(), ["-U", unfinished]).run()
            guard rename(unfinished, passwords) == 0 else { throw .failed(passwords) }
        }
        if access(acl, F_OK) != 0 { try PrivateFiles.write(Self.firstACL, to: acl) }
        try handOver()
    }

    /// Makes both files readable for the broker and nobody else, whoever wrote them.
    func handOver() throws(InstallationError) {
        for file in [passwords, acl] {
            guard chmod(file, 0o600) == 0 else { throw .failed(file) }
            try user.own(file)
        }
    }

    /// Replaces `passwords` or `acl` in one step, with the owner and mode the broker needs. Then reload the broker.
    package func replace(_ file: String, with contents: String) throws(InstallationError) {
        try PrivateFiles.write(contents, to: file, owner: user)
    }

    /// `%u` is the user name: a device reaches its own topics and no others.
    package static let firstACL = """
        user \(gatewayUser)
        topic readwrite #
        topic read $SYS/#

        pattern readwrite devices/%u/#

        """

    /// A message larger than 1 MiB ends the connection it came on. No expiry and no queue limit: what a device was
    /// told is taken waits for the server however long that takes.
    func configurationText(port: Int, address: String) -> String {
        """
        listener \(port) \(address)
        allow_anonymous false
        password_file \(passwords)
        acl_file \(acl)
        pid_file \(processID)
        persistence true
        persistence_location \(data)/
        autosave_interval 30
        max_inflight_messages 4000
        max_queued_messages 0
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
