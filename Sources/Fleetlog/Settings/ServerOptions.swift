import ArgumentParser

/// Every setting of the server as a flag; each is also an environment variable and a key of the settings file.
struct ServerOptions: ParsableArguments {
    @Option(help: "YAML file with settings, the keys named as the flags. (FLEETLOG_CONFIG)")
    var config: String?

    @Option(
        help:
            "libpq URL the server works with; its role needs no more than the migrations grant. (FLEETLOG_DATABASE_URL)"
    )
    var databaseURL: String?

    @Option(help: "libpq URL of the schema's owner, for migrations. (FLEETLOG_MIGRATION_DATABASE_URL)")
    var migrationDatabaseURL: String?

    @Option(help: "Connections for reading and views, 4 to 200; default 8. (FLEETLOG_DATABASE_POOL_SIZE)")
    var databasePoolSize: Int?

    @Option(
        help: "A folder on the disk of the database, if it is this machine's, for a forecast. (FLEETLOG_DATABASE_DISK)"
    )
    var databaseDisk: String?

    @Option(
        help: "How full that disk may be, in percent; default 85. (FLEETLOG_DATABASE_DISK_WATERMARK)")
    var databaseDiskWatermark: Int?

    @Option(help: "Address of the HTTP server; default 127.0.0.1. (FLEETLOG_HTTP_HOST)")
    var httpHost: String?

    @Option(help: "Port of the HTTP server; default 8080. (FLEETLOG_HTTP_PORT)")
    var httpPort: Int?

    @Option(help: "Who may read /metrics: 'loopback' (default) or 'all'. (FLEETLOG_METRICS_ACCESS)")
    var metricsAccess: String?

    @Option(
        help:
            "'yes' if a proxy serves the page over TLS, so that its cookie is sent over TLS only. (FLEETLOG_HTTP_SECURE_COOKIES)"
    )
    var httpSecureCookies: String?

    @Option(help: "Address of the MQTT broker; default 127.0.0.1. (FLEETLOG_MQTT_HOST)")
    var mqttHost: String?

    @Option(help: "Port of the MQTT broker; default 1883. (FLEETLOG_MQTT_PORT)")
    var mqttPort: Int?

    @Option(help: "The server's user name at the broker; default fleetlog. (FLEETLOG_MQTT_USERNAME)")
    var mqttUsername: String?

    @Option(help: "File that holds the server's password at the broker, and nothing else. (FLEETLOG_MQTT_SECRET_FILE)")
    var mqttSecretFile: String?

    @Option(
        help:
            "Client id of the ingest session, one for all servers of a fleet; default fleetlog-ingest. (FLEETLOG_MQTT_CLIENT_ID)"
    )
    var mqttClientID: String?

    @Option(
        help:
            "'no' if the broker has not loaded BrokerGuard and you keep its accounts yourself; default yes. (FLEETLOG_MQTT_GUARD)"
    )
    var mqttGuard: String?

    @Option(
        help:
            "Messages a minute that a device may send, twice as many at once; 0 for no limit, default 6000. (FLEETLOG_DEVICE_MESSAGES_PER_MINUTE)"
    )
    var deviceMessagesPerMinute: Int?

    @Option(
        help:
            "Bytes a second that a device may send, 64 times as many at once; 0 for no limit, default 1048576. (FLEETLOG_DEVICE_BYTES_PER_SECOND)"
    )
    var deviceBytesPerSecond: Int?

    @Option(
        help:
            "What happens to a message too many: 'disconnect' (the device sends it again) or 'drop'; default disconnect. (FLEETLOG_DEVICE_LIMIT_ACTION)"
    )
    var deviceLimitAction: String?

    @Option(
        help:
            "Certificates of the authorities that sign those of devices, the broker's cafile: others are not registered. (FLEETLOG_DEVICE_CA_FILE)"
    )
    var deviceCAFile: String?

    @Option(
        help:
            "Private addresses that webhooks may be sent to, with commas between: blocks such as 10.1.0.0/16, or 'loopback'; default none. (FLEETLOG_WEBHOOK_ALLOW_PRIVATE)"
    )
    var webhookAllowPrivate: String?

    @Option(
        help:
            "The server that takes e-mail, smtp://host:587 or smtps://host:465; without it no e-mail is sent. (FLEETLOG_SMTP_URL)"
    )
    var smtpURL: String?

    @Option(help: "The server's user name at the mail server. (FLEETLOG_SMTP_USERNAME)")
    var smtpUsername: String?

    @Option(
        help: "File that holds the server's password at the mail server, and nothing else. (FLEETLOG_SMTP_SECRET_FILE)")
    var smtpSecretFile: String?

    @Option(help: "The address that e-mail comes from. (FLEETLOG_SMTP_FROM)")
    var smtpFrom: String?

    @Option(
        help:
            "Encryption to the mail server: 'required' (default) or 'none' (default for smtp:// on this machine). (FLEETLOG_SMTP_TLS)"
    )
    var smtpTLS: String?

    @Option(help: "Certificates that the mail server's is checked by, instead of the system's. (FLEETLOG_SMTP_CA_FILE)")
    var smtpCAFile: String?

    @Option(
        help:
            "Seconds that a read with a position waits for its view at most, 0 to 25; default 5. (FLEETLOG_VIEW_WAIT_SECONDS)"
    )
    var viewWaitSeconds: Int?

    @Option(
        help:
            "Seconds between two rounds in which a few actors and snapshots are compared with their events, 0 for none; default 300. (FLEETLOG_DRIFT_CHECK_SECONDS)"
    )
    var driftCheckSeconds: Int?

    @Option(
        help:
            "MiB that actors may take up, by estimate; those used least recently sleep first; 16 to 1,048,576, default 512. (FLEETLOG_ACTOR_MEMORY_MB)"
    )
    var actorMemoryMB: Int?

    @Option(
        help:
            "Seconds after which an actor that nothing was asked of sleeps, 1 to 604,800; default 600. (FLEETLOG_ACTOR_IDLE_SECONDS)"
    )
    var actorIdleSeconds: Int?

    @Option(
        help:
            "Seconds in which a request with an Idempotency-Key may be sent again and is answered as the first time, 60 to 31536000; default 86400. (FLEETLOG_COMMAND_WINDOW_SECONDS)"
    )
    var commandWindowSeconds: Int?

    @Option(
        help:
            "Seconds in which a device's message is recognised if it comes again, back from the device's newest one, 60 to 86400; default 600. (FLEETLOG_REDELIVERY_WINDOW_SECONDS)"
    )
    var redeliveryWindowSeconds: Int?

    @Option(
        help:
            "Seconds by which a device's clock may be wrong before it is said so and corrected, 5 to 86400; default 60. (FLEETLOG_CLOCK_DRIFT_SECONDS)"
    )
    var clockDriftSeconds: Int?

    @Option(
        help:
            "File of the key that signs the heads of the log; without it none is signed. (FLEETLOG_SEAL_KEY_FILE)"
    )
    var sealKeyFile: String?

    @Option(
        help: "File that each signed head is added to, best on another machine's disk. (FLEETLOG_SEAL_HEADS_FILE)")
    var sealHeadsFile: String?

    @Option(help: "trace, debug, info (default), notice, warning, error or critical. (FLEETLOG_LOG_LEVEL)")
    var logLevel: String?

    /// What was given on the command line, under the names of the settings file.
    var given: [String: String] { values.compactMapValues { $0 } }

    /// Under the same names, what was not given too.
    var keys: Set<String> { Set(values.keys) }

    private var values: [String: String?] {
        [
            "config": config, "database-url": databaseURL, "migration-database-url": migrationDatabaseURL,
            "database-pool-size": databasePoolSize.map(String.init), "http-host": httpHost,
            "database-disk": databaseDisk, "database-disk-watermark": databaseDiskWatermark.map(String.init),
            "http-port": httpPort.map(String.init), "metrics-access": metricsAccess,
            "http-secure-cookies": httpSecureCookies,
            "mqtt-host": mqttHost,
            "mqtt-port": mqttPort.map(String.init), "mqtt-username": mqttUsername,
            "mqtt-secret-file": mqttSecretFile, "mqtt-client-id": mqttClientID,
            "mqtt-guard": mqttGuard, "device-messages-per-minute": deviceMessagesPerMinute.map(String.init),
            "device-bytes-per-second": deviceBytesPerSecond.map(String.init),
            "device-limit-action": deviceLimitAction, "device-ca-file": deviceCAFile,
            "webhook-allow-private": webhookAllowPrivate, "smtp-url": smtpURL, "smtp-username": smtpUsername,
            "smtp-secret-file": smtpSecretFile, "smtp-from": smtpFrom, "smtp-tls": smtpTLS, "smtp-ca-file": smtpCAFile,
            "view-wait-seconds": viewWaitSeconds.map(String.init),
            "drift-check-seconds": driftCheckSeconds.map(String.init),
            "actor-memory-mb": actorMemoryMB.map(String.init), "actor-idle-seconds": actorIdleSeconds.map(String.init),
            "command-window-seconds": commandWindowSeconds.map(String.init),
            "redelivery-window-seconds": redeliveryWindowSeconds.map(String.init),
            "clock-drift-seconds": clockDriftSeconds.map(String.init),
            "seal-key-file": sealKeyFile, "seal-heads-file": sealHeadsFile, "log-level": logLevel,
        ]
    }
}
