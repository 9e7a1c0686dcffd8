import ArgumentParser
import Foundation
import Gateway
import Installation
import Logging
import Runtime
import ServiceLifecycle

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the server with a Postgres and a Mosquitto of its own, and a small simulated fleet.",
        discussion: "Everything is kept in the folder; Ctrl-C stops all of it, and the next 'up' goes on from there.")

    @Option(help: "Where data, passwords and logs of Postgres and Mosquitto are kept.")
    var folder = ".fleetlog"

    @Option(help: "Simulated devices, 0 for none; default 50. (DEVICES)")
    var devices: Int?

    @Option(
        help:
            "Port of the broker for MQTT over TLS, 0 for none; default 8883, or another if that is in use. (FLEETLOG_MQTT_TLS_PORT)"
    )
    var mqttTLSPort: Int?

    @Option(
        help:
            "Port of the broker at which devices prove themselves by X.509 certificates, 0 for none; default 8884, or another if that is in use. (FLEETLOG_MQTT_CERTIFICATE_PORT)"
    )
    var mqttCertificatePort: Int?

    @OptionGroup var options: ServerOptions

    func run() async throws {
        let sources = try SettingsSources(flags: options.given)
        // The server refuses it too, but only when its Postgres runs.
        _ = try ArmedFailpoint(sources)
        let simulated = try simulatedDevices()
        JSONLogHandler.bootstrap(
            level: sources.value("log-level") == nil ? .warning : try ServerSettings.logLevel(sources))
        let logger = Logger(label: "fleetlog")
        // Ctrl-C may come while Postgres is made, and must not leave it behind.
        let foundation = try await untilInterrupted { [folder, mqttTLSPort, mqttCertificatePort] in
            try await Foundation.start(
                in: folder, sources, tlsPort: mqttTLSPort, certificatePort: mqttCertificatePort, logger: logger)
        }
        do {
            try await serve(foundation, simulated: simulated, logger: logger)
        } catch {
            await foundation.stop()
            throw error
        }
    }

    private func serve(_ foundation: Foundation, simulated: Int, logger: Logger) async throws {
        try SealKeyFile(path: foundation.path + "/seal-key").createIfAbsent()
        let settings = try ServerSettings(
            SettingsSources(flags: foundation.settings(over: SettingsSources(flags: options.given), options.given)))
        let (server, token) = try await untilInterrupted {
            let server = try await Server.start(settings)
            return (server, try await AdminTokenFile(folder: foundation.path).token(server.tokens))
        }
        let welcome = Welcome(
            folder: foundation.path, token: token, listening: server.http.listening,
            mqttPort: settings.mqtt.broker.port,
            tlsHints: foundation.tlsHints)
        var clients: [any Service] = [welcome]
        if simulated > 0 {
            clients.append(
                SimulatedFleet(
                    devices: simulated, folder: foundation.path, token: token, listening: server.http.listening,
                    mqttPort: settings.mqtt.broker.port, logger: logger))
        }
        try await server.run(above: foundation.supervised(logger), below: clients)
    }

    private func simulatedDevices() throws -> Int {
        let text = ProcessInfo.processInfo.environment["DEVICES"] ?? ""
        guard let count = devices ?? (text.isEmpty ? 50 : Int(text)), (0...100_000).contains(count) else {
            throw SettingsError("DEVICES is '\(text)': give a whole number from 0 to 100000")
        }
        return count
    }
}

/// What a private installation rests on: its folder, its Postgres, its Mosquitto.
private struct Foundation {
    let path: String
    /// Held for as long as this process works in the folder.
    private let folder: InstallationFolder
    private let postgres: PrivatePostgres
    private let broker: PrivateBroker
    private let tls: PortCheck?
    private let certificates: PortCheck?
    private let portNotices: [String]
    /// What to say about TLS.
    var tlsHints: [String] {
        let authority = broker.files.certificateAuthority
        return [
            tls.map { "MQTT over TLS: port \($0.number), with --cafile \(authority)" },
            certificates.map { "MQTT by certificate: port \($0.number), after fleetlog devices certify DEVICE" },
        ].compactMap { $0 } + portNotices
    }

    /// Starts both servers, or takes over those that an earlier process has left; nothing keeps running if it throws.
    static func start(
        in path: String, _ sources: SettingsSources, tlsPort: Int?, certificatePort: Int?, logger: Logger
    ) async throws -> Foundation {
        let host = sources.text("mqtt-host", default: "127.0.0.1")
        let mqttPort = PortCheck(
            try sources.number("mqtt-port", in: 1...65_535, default: 1_883), at: host, for: "MQTT",
            flag: "--mqtt-port", variable: "FLEETLOG_MQTT_PORT")
        let httpPort = PortCheck(
            try sources.number("http-port", in: 1...65_535, default: 8_080),
            at: sources.text("http-host", default: "127.0.0.1"), for: "HTTP", flag: "--http-port",
            variable: "FLEETLOG_HTTP_PORT")
        let folder = try InstallationFolder(taking: path)
        try httpPort.check()
        var notices: [String] = []
        let tls = try Self.port(
            tlsPort, usually: 8_883, at: host, in: folder.path, for: "MQTT over TLS", flag: "--mqtt-tls-port",
            variable: "FLEETLOG_MQTT_TLS_PORT", &notices)
        let certificates = try Self.port(
            certificatePort, usually: 8_884, at: host, in: folder.path, for: "MQTT by certificate",
            flag: "--mqtt-certificate-port", variable: "FLEETLOG_MQTT_CERTIFICATE_PORT", &notices)
        for notice in notices { logger.warning("not the usual port", metadata: ["reason": "\(notice)"]) }
        let foundation = Foundation(
            path: folder.path, folder: folder, postgres: try PrivatePostgres(in: folder.path, logger: logger),
            broker: try PrivateBroker(
                in: folder.path, port: mqttPort, tls: tls, certificates: certificates,
                deviceAuthority: sources.value("device-ca-file")?.text, logger: logger), tls: tls,
            certificates: certificates, portNotices: notices)
        do {
            // The broker first: it needs a port, which somebody else may have.
            try await foundation.broker.start()
            try await foundation.postgres.start()
        } catch {
            await foundation.stop()
            throw error
        }
        return foundation
    }

    /// Nobody who asks for it is let down silently; nobody who does not is kept from starting by it.
    private static func port(
        _ given: Int?, usually: Int, at host: String, in folder: String, for purpose: String, flag: String,
        variable: String, _ notices: inout [String]
    ) throws -> PortCheck? {
        let text = ProcessInfo.processInfo.environment[variable] ?? ""
        guard let wanted = given ?? (text.isEmpty ? usually : Int(text)), (0...65_535).contains(wanted) else {
            throw SettingsError("\(variable) is '\(text)': give a port, or 0 for none")
        }
        guard wanted > 0 else { return nil }
        let port = PortCheck(wanted, at: host, for: purpose, flag: flag, variable: variable)
        guard given == nil, text.isEmpty else { return port }
        let choice = PortChoice(usually: port, in: folder)
        if let notice = choice.notice { notices.append(notice) }
        return choice.port
    }

    func stop() async {
        await broker.stop()
        await postgres.stop()
    }

    func supervised(_ logger: Logger) -> [any Service] {
        [SupervisedProcess(postgres.process, logger: logger), SupervisedProcess(broker.process, logger: logger)]
    }

    /// What the user has set, and where this installation's own servers are. A newcomer's receiver runs on this machine.
    func settings(over sources: SettingsSources, _ given: [String: String]) -> [String: String] {
        var given = given
        if sources.value("database-disk") == nil { given["database-disk"] = path }
        if certificates != nil, sources.value("device-ca-file") == nil {
            given["device-ca-file"] = broker.files.deviceAuthority
        }
        if sources.value("seal-key-file") == nil { given["seal-key-file"] = path + "/seal-key" }
        if sources.value("webhook-allow-private") == nil { given["webhook-allow-private"] = "loopback" }
        return given.merging(
            [
                "database-url": postgres.serverURL, "migration-database-url": postgres.ownerURL,
                "mqtt-host": broker.address, "mqtt-port": String(broker.port), "mqtt-username": BrokerFiles.gatewayUser,
                "mqtt-secret-file": broker.files.gatewayPasswordFile, "mqtt-guard": "yes",
                "mqtt-client-id": broker.files.sessionClientID,
            ], uniquingKeysWith: { _, own in own })
    }
}
