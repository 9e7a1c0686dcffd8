/// How a fleet is doing.
struct FleetCounts: Sendable {
    var online = 0
    /// Messages that devices wanted to send.
    var messages = 0
    /// Messages that the broker has acknowledged.
    var acknowledged = 0
    /// Readings in those messages; a duplicate counts again.
    var readings = 0
    /// Messages published again after their connection was lost.
    var resent = 0
    /// Connections lost or not come about.
    var failures = 0
    var lastFailure: String?
    /// Messages that the broker refused for good.
    var refused = 0
    /// Messages that the broker acknowledged while nobody was subscribed; they are sent again.
    var unheard = 0
    /// Messages that did not fit into their device's memory.
    var dropped = 0
    /// Messages wanting an acknowledgement.
    var outstanding = 0
    var latencies = Latencies()
}
