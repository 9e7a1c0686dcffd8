package import Installation
package import Logging

/// A Mosquitto of one test, on a free port; it vanishes with the test process, or with `remove()`.
package struct ThrowawayBroker: Sendable {
    package let broker: PrivateBroker
    package let folder: String

    package var port: Int { broker.port }
    package var tlsPort: Int? { broker.tlsPort }
    package var certificatePort: Int? { broker.certificatePort }
    package var address: String { broker.address }
    package var files: BrokerFiles { broker.files }

    /// - Parameter isGuarded: false for one that lets everybody do everything.
    package static func start(
        isGuarded: Bool = true, tlsPort: Int? = nil, certificatePort: Int? = nil
    ) async throws -> ThrowawayBroker {
        let broker = try prepare(
            in: ThrowawayFolder.make(), port: freePort(), isGuarded: isGuarded, tlsPort: tlsPort,
            certificatePort: certificatePort)
        try await broker.start()
        return broker
    }

    /// One that does not run yet; `folder` lies in a `ThrowawayFolder`.
    package static func prepare(
        in folder: String, port: Int, isGuarded: Bool = true, tlsPort: Int? = nil, certificatePort: Int? = nil,
        deviceAuthority: String? = nil, guardLibrary: String? = nil, logger: Logger = quiet
    ) throws -> ThrowawayBroker {
        let port = PortCheck(port, for: "MQTT", flag: "--mqtt-port", variable: "FLEETLOG_MQTT_PORT")
        let tls = tlsPort.map {
            PortCheck($0, for: "MQTT over TLS", flag: "--mqtt-tls-port", variable: "FLEETLOG_MQTT_TLS_PORT")
        }
        let certificates = certificatePort.map {
            PortCheck(
                $0, for: "MQTT by certificate", flag: "--mqtt-certificate-port",
                variable: "FLEETLOG_MQTT_CERTIFICATE_PORT")
        }
        let broker = try PrivateBroker(
            in: folder, port: port, tls: tls, certificates: certificates,
            deviceAuthority: deviceAuthority, guardLibrary: guardLibrary, isGuarded: isGuarded, logger: logger)
        return ThrowawayBroker(broker: broker, folder: folder)
    }

    package func start() async throws { try await broker.start() }
    package func stop() async { await broker.stop() }
    package func kill() async { await broker.kill() }
    package func restart() async throws { try await broker.restart() }

    package func remove() async {
        await broker.kill()
        ThrowawayFolder.remove(folder)
    }
}

/// A port of the loopback interface that is free now.
package func freePort() throws -> Int { try PortCheck.freePort() }
