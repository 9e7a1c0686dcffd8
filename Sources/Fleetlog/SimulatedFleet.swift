import Foundation
import Gateway
import Logging
import ServiceLifecycle
import Simulator

/// The small fleet that comes with `fleetlog up`: clients like any other, over HTTP and MQTT.
struct SimulatedFleet: Service {
    let devices: Int
    let folder: String
    let token: String
    let listening: Listening
    let mqttPort: Int
    let logger: Logger

    func run() async throws {
        guard let port = await listening.port, let api = URL(string: "http://127.0.0.1:\(port)") else { return }
        var settings = SimulationSettings(
            api: api, token: token, mqttHost: "127.0.0.1", mqttPort: mqttPort, devices: devices,
            // Each device reports every five seconds, so that a newcomer sees it live.
            rate: max(1, Double(devices) / 5))
        settings.maxDevices = devices
        settings.ownAccount = .demonstration
        settings.mix = .showcase
        settings.rollsOut = true
        // The silent device stops after half a minute; the fire, which smoulders then, is put out after some minutes.
        settings.storyLength = .seconds(10 * 60)
        settings.storyBegin = 0.35
        settings.stateFile = folder + "/simulated-fleet.json"
        settings.verifies = false
        settings.progressInterval = .seconds(60)
        await cancelWhenGracefulShutdown { [settings] in
            do throws(SimulationError) {
                _ = try await Simulation.run(settings) { line in logger.debug("\(line)") }
            } catch .cancelled {
                return
            } catch {
                logger.error("The simulated fleet has ended", metadata: ["reason": "\(error)"])
            }
        }
        try? await gracefulShutdown()
    }
}
