import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A new user's fleetlog up` {
        @Test(arguments: [1, 4])
        func `prints lines that work when pasted, stops with Ctrl-C, and goes on later`(depth: Int) async throws {
            try await PrivateInstallation.with(depth: depth) { installation in
                let first = try await installation.up("first")
                guard first.output.contains("http://127.0.0.1:\(installation.httpPort)/") else {
                    throw Wrong("no address of the page: \(first.output)")
                }
                let token = try await adminToken(of: first)
                try await installation.paste("mosquitto_pub", of: first).isEmpty.orThrow("mosquitto_pub complained")
                try await showsReading(first, installation)

                let ending = await first.terminate(by: SIGINT)
                guard ending == .exited(0) else { throw Wrong("Ctrl-C ended it with \(ending): \(first.log)") }
                guard installation.processes.isEmpty else { throw Wrong("left: \(installation.processes)") }

                let second = try await installation.up("second")
                guard try await adminToken(of: second) == token else { throw Wrong("the admin token has changed") }
                try await showsReading(second, installation)
                let end = await second.terminate()
                guard end == .exited(0) else { throw Wrong("SIGTERM ended it with \(end): \(second.log)") }
                guard installation.processes.isEmpty else { throw Wrong("left: \(installation.processes)") }
            }
        }

        @Test func `certifies a device, which then sends a reading by the line that is printed`() async throws {
            try await PrivateInstallation.with { installation in
                let server = try await installation.up("first")
                struct Device: Decodable { var id: String }
                let (data, own) = (installation.folder + "/.fleetlog", installation.folder + "/own")
                let file = try Data(contentsOf: URL(fileURLWithPath: data + "/first-device.json"))
                let device = try JSONDecoder().decode(Device.self, from: file).id
                let common = ["--folder", data, "--api", "http://127.0.0.1:\(installation.httpPort)"]
                // As a person would say it, with paths from where they are.
                let said = try await Command(
                    "/bin/sh",
                    [
                        "-c",
                        "cd '\(installation.folder)' && '\(Executable.path)' devices certify \(device) --out own "
                            + "--api http://127.0.0.1:\(installation.httpPort)",
                    ]
                ).run()
                try await send(by: said, as: device, "own/\(device)", in: installation)
                try await showsReading(server, installation)
                let mode = try FileManager.default.attributesOfItem(atPath: "\(own)/\(device).key")[.posixPermissions]
                guard mode as? Int == 0o600 else { throw Wrong("others can read the key") }

                // By a request of the device's, with the key that never left it; the certificate before ends.
                let request = installation.folder + "/request.csr"
                try await Command(
                    "/usr/bin/openssl",
                    [
                        "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=whatever", "-keyout",
                        installation.folder + "/DEVICE.key", "-out", request,
                    ]
                ).run()
                let again = ["devices", "certify", device, "--request", request, "--overlap", "0"] + common
                let refused = try await Executable.output(again + ["--out", own])
                guard !refused.succeeded, refused.errors.contains("exists already") else {
                    throw Wrong("it overwrites: \(refused.errors)")
                }
                let renewed = try await Executable.run(again + ["--out", installation.folder])
                try await send(by: renewed, as: device, device, in: installation)
                try await showsReading(server, installation, count: 2)
                do {
                    try await send(by: said, as: device, "own/\(device)", in: installation)
                } catch {
                    let unknown = try await Executable.output(
                        ["devices", "certify", "nobody"] + common + ["--out", own])
                    guard !unknown.succeeded, unknown.errors.contains("no device with this id"),
                        !FileManager.default.fileExists(atPath: own + "/nobody.key")
                    else { throw Wrong("a device that is not there: \(unknown.errors)") }
                    guard await server.terminate() == .exited(0) else { throw Wrong(server.log) }
                    return
                }
                throw Wrong("the certificate before still works")
            }
        }

        private func send(
            by said: String, as device: String, _ file: String, in installation: PrivateInstallation
        ) async throws {
            guard let line = said.split(separator: "\n").last(where: { $0.contains("mosquitto_pub") }),
                line.contains("devices/\(device)/telemetry"), line.contains("\(file).crt")
            else { throw Wrong("no line to paste: \(said)") }
            try await Command("/bin/sh", ["-c", "cd '\(installation.folder)' && \(line)"]).run()
        }

        @Test func `is killed and leaves Postgres and Mosquitto, which the next one takes over`() async throws {
            try await PrivateInstallation.with { installation in
                let first = try await installation.up("first")
                _ = try await installation.paste("mosquitto_pub", of: first)
                try await showsReading(first, installation)
                await first.kill()
                let left = installation.processes
                guard let broker = left["mosquitto"], left["postgres"] != nil, left["fleetlog"] == nil else {
                    throw Wrong("left: \(left)")
                }
                let second = try await installation.up("second")
                guard installation.processes["mosquitto"] == broker else { throw Wrong("another broker was started") }
                _ = try await installation.paste("mosquitto_pub", of: second)
                try await showsReading(second, installation, count: 2)

                // Both are looked after, also those that were taken over.
                for pid in broker { kill(pid, SIGKILL) }
                try await eventually("the broker is started again", every: .milliseconds(100)) {
                    installation.processes["mosquitto"].map { $0.isDisjoint(with: broker) } ?? false
                }
                let postgres = installation.processes["postgres"] ?? []
                for pid in postgres { kill(pid, SIGKILL) }
                try await eventually(within: .seconds(30), "Postgres is started again", every: .milliseconds(100)) {
                    installation.processes["postgres"].map { !$0.isEmpty && $0.isDisjoint(with: postgres) } ?? false
                }
                try await second.ready()
                _ = try await installation.paste("mosquitto_pub", of: second)
                try await showsReading(second, installation, count: 3)
                guard await second.terminate(by: SIGINT) == .exited(0) else { throw Wrong(second.log) }
                guard installation.processes.isEmpty else { throw Wrong("left: \(installation.processes)") }
            }
        }

        @Test func `goes on when nobody reads any more what it says`() async throws {
            try await PrivateInstallation.with { installation in
                let server = try installation.launch("unread", through: #""$@" | head -n 1; exit ${PIPESTATUS[0]}"#)
                try await server.ready(within: .seconds(60))
                // After that come the lines that nobody reads for sure.
                try await eventually("the first device is registered") {
                    if server.hasEnded { throw Wrong("it ended: \(await server.process.ended())\n\(server.log)") }
                    return access(installation.folder + "/.fleetlog/first-device.json", F_OK) == 0
                }
                let health = try await API(port: installation.httpPort, token: "").send("GET", "/healthz")
                guard health.status == 200, server.output.split(separator: "\n").count == 1 else {
                    throw Wrong("\(health.status) after \(server.output)")
                }
                for pid in installation.processes["fleetlog"] ?? [] { kill(pid, SIGINT) }
                let ending = await server.process.ended()
                guard ending == .exited(0), installation.processes.isEmpty else {
                    throw Wrong("\(ending), left: \(installation.processes)\n\(server.log)")
                }
            }
        }

        @Test(arguments: ["mosquitto", "postgres"])
        func `leaves nothing running if Ctrl-C comes while it starts`(program: String) async throws {
            try await PrivateInstallation.with { installation in
                let server = try installation.launch("hasty")
                try await eventually(within: .seconds(30), "\(program) runs") {
                    if server.hasEnded { throw Wrong("it ended: \(server.log)") }
                    return installation.processes[program] != nil
                }
                _ = await server.terminate(by: SIGINT)
                guard installation.processes.isEmpty else { throw Wrong("left: \(installation.processes)") }
            }
        }

        @Test(arguments: ["HTTP", "MQTT"])
        func `names the port and the setting if a port is in use, and leaves nothing running`(which: String)
            async throws
        {
            try await PrivateInstallation.with { installation in
                let port = which == "HTTP" ? installation.httpPort : installation.mqttPort
                let squatter = try Squatter(port: port)
                let server = try installation.launch("squeezed")
                let ending = await server.process.ended()
                guard ending != .exited(0) else { throw Wrong("it ended as if all were well") }
                for part in ["\(port)", "FLEETLOG_\(which)_PORT", "--\(which.lowercased())-port"] {
                    guard server.log.contains(part) else { throw Wrong("no \(part) in: \(server.log)") }
                }
                guard installation.processes.isEmpty else { throw Wrong("left: \(installation.processes)") }
                squatter.leave()
            }
        }

        private func adminToken(of server: ServerProcess) async throws -> String {
            guard let line = server.output.split(separator: "\n").last(where: { $0.hasPrefix("Admin token: ") }) else {
                throw Wrong("no admin token: \(server.output)")
            }
            return String(line.dropFirst("Admin token: ".count))
        }

        private func showsReading(
            _ server: ServerProcess, _ installation: PrivateInstallation, count: Int = 1
        ) async throws {
            var last = ""
            do {
                try await eventually("curl shows the reading", every: .milliseconds(200)) {
                    last = (try? await installation.paste("curl", of: server)) ?? "curl failed"
                    return last.contains("21.5") && last.contains("\"telemetryCount\":\(count)")
                }
            } catch {
                throw Wrong("\(error): curl shows \(last)\n\(server.log)")
            }
        }
    }
}

extension Bool {
    fileprivate func orThrow(_ what: String) throws { if !self { throw Wrong(what) } }
}

/// Somebody else's server at a port that we would like to have.
private struct Squatter {
    private let socket: CInt

    init(port: Int) throws {
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafeBytes(of: &name) {
            bind(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard status == 0, listen(socket, 1) == 0 else { throw Wrong("port \(port) cannot be taken") }
    }

    func leave() { close(socket) }
}
