/// The topic by which ingest notices that nothing reaches it any more.
enum WatchdogTopic {
    static let prefix = "fleetlog/watchdog/"
    /// A probe at least this often, while the link is connected.
    static let interval = Duration.seconds(5)
    /// Silence that ingest takes for a dead subscription.
    static let patience = Duration.seconds(15)

    static func name(ofIngest clientID: String) -> String { prefix + clientID }
}
