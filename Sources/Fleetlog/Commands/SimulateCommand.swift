import ArgumentParser
import Foundation
import Simulator

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate a fleet over HTTP and MQTT, and verify that what was acknowledged is in the store.",
        discussion: "Ends with status 1 if an acknowledged reading is missing or there twice. Ctrl-C ends it in order.")

    @Option(help: "How many devices; at most FLEETLOG_SIMULATE_MAX_DEVICES (default 1000).")
    var devices = 100

    @Option(help: "Messages a second over the whole fleet.")
    var rate = 50.0

    @Option(help: "Seconds until it ends; goes on until Ctrl-C without it.")
    var seconds: Double?

    @Option(
        help: """
            What the devices do, repeated or separated by commas: \
            \(ScenarioName.allCases.map(\.rawValue).joined(separator: ", ")); a mix of all without it.
            """)
    var scenario: [String] = []

    @Flag(help: "Roll new firmware out to the fleet, in groups of a few devices; takes a couple of minutes.")
    var rollout = false

    @OptionGroup var server: APIOptions

    @Option(help: "Address of the broker.")
    var mqttHost = "127.0.0.1"

    @Option(help: "Port of the broker.")
    var mqttPort = 1_883

    @Option(help: "The account the devices are registered in; the token's, or 'default', without it.")
    var account: String?

    @Option(help: "The same seed makes the same fleet and the same readings.")
    var seed: UInt64 = 1

    @Option(help: "File that remembers the fleet with its keys (mode 0600), to go on with the same devices.")
    var state: String?

    func run() async throws {
        var settings = SimulationSettings(
            api: try server.address(), token: try server.accessToken(), mqttHost: mqttHost, mqttPort: mqttPort,
            devices: devices, rate: rate)
        settings.maxDevices = try limit()
        settings.duration = seconds.map { .seconds($0) }
        settings.account = account
        settings.seed = seed
        settings.stateFile = state
        settings.rollsOut = rollout
        if !scenario.isEmpty { settings.mix = try mix() }
        let report = try await untilInterrupted { [settings] in
            try await Simulation.run(settings) { Console.note($0) }
        }
        if !report.isSuccess { throw ExitCode(1) }
    }

    private func mix() throws -> ScenarioMix {
        let names = try scenario.flatMap { $0.split(separator: ",") }.map { text in
            guard let name = ScenarioName(rawValue: String(text)) else {
                throw ValidationError("there is no scenario '\(text)'")
            }
            return name
        }
        return ScenarioMix(Dictionary(names.map { ($0, 1) }, uniquingKeysWith: { first, _ in first }))
    }

    private func limit() throws -> Int {
        guard let text = ProcessInfo.processInfo.environment["FLEETLOG_SIMULATE_MAX_DEVICES"] else { return 1_000 }
        guard let limit = Int(text), limit > 0 else {
            throw ValidationError("FLEETLOG_SIMULATE_MAX_DEVICES is '\(text)': give a whole number above 0")
        }
        return limit
    }
}
