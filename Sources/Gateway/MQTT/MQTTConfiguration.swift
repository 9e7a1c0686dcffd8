/// The settings of the MQTT gateway.
package struct MQTTConfiguration: Sendable {
    package var broker: BrokerAddress
    /// The fixed client id of ingest, under which the broker keeps its session; the same for all servers.
    package var clientID: String
    /// A name of this server that no other has.
    package var server: String
    /// The broker's files, if this server keeps them.
    package var accountFiles: BrokerAccounts.Files?
    /// How often a probe watches over ingest; three missing ones mean a dead subscription.
    package var probeInterval: Duration

    package init(
        broker: BrokerAddress, clientID: String = "fleetlog-ingest", server: String,
        accountFiles: BrokerAccounts.Files? = nil, probeInterval: Duration = .seconds(5)
    ) {
        self.broker = broker
        self.clientID = clientID
        self.server = server
        self.accountFiles = accountFiles
        self.probeInterval = probeInterval
    }
}
