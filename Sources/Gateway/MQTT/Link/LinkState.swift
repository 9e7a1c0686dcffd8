/// What ingest must know of the connection that sends its probes.
protocol LinkState: Sendable {
    /// Nil while it is not connected, and so sends no probes.
    var connectedSince: ContinuousClock.Instant? { get }
    /// Silence that means a dead subscription while the link is connected.
    var silenceLimit: Duration { get }
}
