/// Where the broker is and as whom the gateway comes.
package struct BrokerAddress: Sendable {
    package var host: String
    package var port: Int
    package var username: String
    package var password: String
    /// The file of certificates that the broker's own is checked against; TLS is used if set.
    package var certificateAuthorities: String?

    package init(
        host: String, port: Int, username: String, password: String, certificateAuthorities: String? = nil
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.certificateAuthorities = certificateAuthorities
    }
}
