/// How the HTTP server listens, and what it refuses.
package struct HTTPConfiguration: Sendable {
    package var host: String
    /// 0 lets the system choose; see ``HTTPGateway/listening``.
    package var port: Int
    /// Bytes of a request's body.
    package var largestBody = 1 << 20
    /// Bytes of all header fields of a request together.
    package var largestHeader = 16 << 10
    /// From the end of the header until the whole body must be there.
    package var bodyTimeout = Duration.seconds(10)
    /// From the end of the body until the answer must begin.
    package var requestTimeout = Duration.seconds(30)
    /// How long a read waits for its view to come to a position.
    package var viewWait = Duration.seconds(5)
    /// How long a connection may be silent between two requests, or in the middle of one.
    package var idleTimeout = Duration.seconds(60)
    package var connectionLimit = 4_096
    /// Event streams open at once.
    package var streamLimit = 256
    /// How often an event stream shows that it lives, and checks that its token still holds.
    package var heartbeatInterval = Duration.seconds(15)
    package var overviewLife = OverviewLife.usual
    /// Whether `/metrics` answers others than this machine.
    package var metricsAreOpen = false
    /// Whether the session cookie is sent over TLS only; for servers behind a proxy that ends TLS.
    package var cookiesNeedTLS = false

    /// Who must have signed the certificates of devices; anybody if nil.
    package var deviceAuthority: DeviceAuthority?

    package init(host: String = "127.0.0.1", port: Int = 8080) {
        self.host = host
        self.port = port
    }
}
