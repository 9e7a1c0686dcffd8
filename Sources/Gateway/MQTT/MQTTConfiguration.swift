/// The settings of the MQTT gateway.
package struct MQTTConfiguration: Sendable {
    package var broker: BrokerAddress
    /// The fixed client id of ingest, under which the broker keeps its session; the same for all servers.
    package var clientID: String
    /// A name of this server that no other has.
    package var server: String
    /// What each device may send, if the broker has loaded BrokerGuard and this server fills it.
    package var guardLimit: DeviceLimit?
    /// How often a probe watches over ingest; three missing ones mean a dead subscription.
    package var probeInterval: Duration

    package init(
        broker: BrokerAddress, clientID: String = "fleetlog-ingest", server: String,
        guardLimit: DeviceLimit? = nil, probeInterval: Duration = .seconds(5)
    ) {
        self.broker = broker
        self.clientID = clientID
        self.server = server
        self.guardLimit = guardLimit
        self.probeInterval = probeInterval
    }
}
