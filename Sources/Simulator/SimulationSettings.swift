package import Foundation

/// What a simulated fleet is like, and where it reports to.
package struct SimulationSettings: Sendable {
    /// The server, without `/api/v1`: `http://127.0.0.1:8080`.
    package var api: URL
    /// An API token that may register devices and read their streams.
    package var token: String
    package var mqttHost: String
    package var mqttPort: Int
    package var devices: Int
    /// Refuses more devices than this; `FLEETLOG_SIMULATE_MAX_DEVICES`.
    package var maxDevices = 1_000
    /// Turns a second over the whole fleet; most turns are one message.
    package var rate: Double
    package var mix = ScenarioMix.standard
    /// Nil goes on until the task is cancelled.
    package var duration: Duration?
    /// How long the scenarios' stories take; nil for as long as the simulation, or twenty minutes.
    package var storyLength: Duration?
    /// How much of the stories has passed when the simulation begins, from 0 to below 1.
    package var storyBegin = 0.0
    /// Nil leaves the choice to the token.
    package var account: String?
    /// Opened, if it is not there yet, for the devices that are registered from now on; goes before `account`.
    package var ownAccount: OwnAccount?
    var fleetAccount: String? { ownAccount?.id ?? account }
    /// The same seed makes the same fleet and the same readings.
    package var seed: UInt64 = 1
    /// Where the fleet is remembered with its keys, mode 0600; nil registers a new fleet each time.
    package var stateFile: String?
    /// Whether the fleet has firmware rolled out to it, in groups of a few devices.
    package var rollsOut = false
    /// How long devices take to install firmware; 1 takes some ten seconds, for people who watch.
    package var firmwarePace = 1.0
    /// Whether to read back at the end what was acknowledged.
    package var verifies = true
    /// How long the end may wait for acknowledgements, and again for what is not in the store yet.
    package var patience = Duration.seconds(30)
    /// Between two lines of progress.
    package var progressInterval = SimulationSettings.progressIntervalOfStandardError

    package init(
        api: URL, token: String, mqttHost: String, mqttPort: Int, devices: Int, rate: Double
    ) {
        self.api = api
        self.token = token
        self.mqttHost = mqttHost
        self.mqttPort = mqttPort
        self.devices = devices
        self.rate = rate
    }

    /// A second where a person watches, ten where the lines go to a file.
    package static var progressIntervalOfStandardError: Duration { isatty(2) == 1 ? .seconds(1) : .seconds(10) }

    func check() throws(SimulationError) {
        guard devices >= 1 else { throw .setting("the number of devices must be at least 1") }
        guard devices <= maxDevices else {
            throw .setting(
                "\(devices) devices are more than FLEETLOG_SIMULATE_MAX_DEVICES allows (\(maxDevices)): "
                    + "ask for fewer devices, or raise that variable")
        }
        guard rate > 0, rate.isFinite, rate <= 1_000_000 else {
            throw .setting("the rate must be above 0 and at most 1,000,000 messages a second")
        }
        guard let scheme = api.scheme, ["http", "https"].contains(scheme), api.host != nil else {
            throw .setting("the server's address must look like http://127.0.0.1:8080")
        }
        guard (1...65_535).contains(mqttPort) else { throw .setting("the MQTT port must be from 1 to 65,535") }
    }
}
