import AsyncHTTPClient
import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Tells a new user where everything is, with a device to try.
struct Welcome: Service {
    let folder: String
    let token: String
    let listening: Listening
    let mqttPort: Int
    let tlsHints: [String]

    func run() async throws {
        if let port = await listening.port {
            let page = "http://127.0.0.1:\(port)"
            Console.say("Fleetlog is running. Page: \(page)/")
            Console.say("Admin token: \(token)")
            do {
                let device = try await FirstDevice(folder: folder, api: page, token: token).device()
                Console.say("Send a reading:")
                Console.say(
                    "  mosquitto_pub -V mqttv5 -q 1 -p \(mqttPort) -u \(device.id) -P \(device.apiKey) "
                        + "-t devices/\(device.id)/telemetry -m '{\"temperature\":21.5}'")
                Console.say("Look at it:")
                Console.say(
                    "  curl -H \"Authorization: Bearer $(cat \(folder)/admin-token)\" "
                        + "\(page)/api/v1/devices/\(device.id)")
            } catch {
                Console.say("(A device to try could not be registered: \(error))")
            }
            for hint in tlsHints { Console.say(hint) }
            Console.say("Ctrl-C stops the server, its Postgres and its Mosquitto.")
        }
        try? await gracefulShutdown()
    }
}

/// A device of the installation's own, registered over HTTP like any other, so that the first reading is one line.
private struct FirstDevice {
    struct Device: Codable {
        var id: String
        var apiKey: String
    }

    let folder: String
    let api: String
    let token: String

    private var path: String { folder + "/first-device.json" }

    func device() async throws -> Device {
        if let data = FileManager.default.contents(atPath: path),
            let known = try? JSONDecoder().decode(Device.self, from: data), try await isRegistered(known)
        {
            return known
        }
        var (data, status) = try await register("FIRST-DEVICE")
        // There is one from before whose key is lost.
        if status == 409 { (data, status) = try await register("FIRST-DEVICE-\(UInt32.random(in: .min ... .max))") }
        guard status == 201 else { throw SettingsError("the API answered \(status)") }
        let device = try JSONDecoder().decode(Device.self, from: data)
        guard
            FileManager.default.createFile(
                atPath: path, contents: try JSONEncoder().encode(device), attributes: [.posixPermissions: 0o600])
        else { throw SettingsError("\(path) cannot be written") }
        return device
    }

    private func register(_ serial: String) async throws -> (Data, Int) {
        let body = #"{"serial":"\#(serial)","type":"temperature","name":"My first device"}"#
        return try await send(.POST, "/api/v1/devices", Data(body.utf8))
    }

    private func isRegistered(_ device: Device) async throws -> Bool {
        try await send(.GET, "/api/v1/devices/\(device.id)", nil).1 == 200
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: Data?) async throws -> (Data, Int) {
        var request = HTTPClientRequest(url: api + path)
        request.method = method
        if let body { request.body = .bytes(body) }
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: "application/json")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let data = Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
        return (data, Int(response.status.code))
    }
}
