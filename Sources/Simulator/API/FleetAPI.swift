import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Runtime

/// The server's HTTP interface, as far as a simulated fleet needs it.
struct FleetAPI: Sendable {
    private let base: URL
    private let token: String
    /// How long a request is tried again while the server is busy or away.
    private let patience: Duration

    init(_ base: URL, token: String, patience: Duration) {
        self.base = base.appendingPathComponent("api/v1")
        self.token = token
        self.patience = patience
    }

    /// More would only wait in line.
    static let requestsAtOnce = 6

    private static let longestBody = 16 << 20

    /// Opens the account unless it is there. Its settings are left alone once somebody else has touched the account.
    func open(_ account: OwnAccount) async throws(SimulationError) {
        struct Opening: Encodable {
            var id, name: String
        }
        let opened = try await write(
            .POST, "accounts", Opening(id: account.id, name: account.name), "opening the account \(account.id)")
        guard [201, 409].contains(opened.status) else {
            throw refusal("opening the account \(account.id)", opened)
        }
        let what = "changing the settings of the account \(account.id)"
        let changed = try await write(
            .PUT, "accounts/\(account.id)/settings", account.settings, what, headers: ["If-Match": "\"1\""])
        guard [200, 204, 412].contains(changed.status) else { throw refusal(what, changed) }
    }

    /// Registers a device; nil if it was registered by an earlier try whose answer, with the key, was lost, or another
    /// device has its serial number.
    func register(_ entry: Roster.Entry, account: String?) async throws(SimulationError) -> (id: String, key: String)? {
        struct Body: Encodable {
            var serial, type, name: String
            var labels: [String: String]
            var account: String?
        }
        struct Answer: Decodable {
            var id: String
            var apiKey: String?
        }
        let what = "registering a device"
        let reply = try await write(
            .POST, "devices",
            Body(
                serial: entry.serial, type: entry.type.rawValue, name: entry.name, labels: entry.labels,
                account: account), what)
        if reply.status == 409, problemType(reply) == "urn:fleetlog:problem:serial-taken" { return nil }
        guard reply.status == 201 else { throw refusal(what, reply) }
        let answer: Answer = try decode(reply, what)
        return answer.apiKey.map { (answer.id, $0) }
    }

    /// A device's version, which may be a little behind; nil if there is no such device, or none in use.
    func version(of device: String) async throws(SimulationError) -> Int64? {
        struct Answer: Decodable {
            var version: Int64
            var state: String?
        }
        let what = "reading a device"
        let reply = try await send(request("devices/\(device)"), what)
        if reply.status == 404 { return nil }
        guard reply.status == 200 else { throw refusal(what, reply) }
        let answer: Answer = try decode(reply, what)
        return answer.state == "retired" ? nil : answer.version
    }

    /// The events of a device after a version.
    func events(of device: String, after place: String) async throws(SimulationError) -> EventPage {
        let what = "reading the events of a device"
        let query = [URLQueryItem(name: "after", value: place), URLQueryItem(name: "limit", value: "1000")]
        let reply = try await send(request("streams/device-\(device)/events", query), what)
        guard reply.status == 200 else { throw refusal(what, reply) }
        return try decode(reply, what)
    }

    /// Rolls a firmware version out in groups of a few devices, so that there is something to watch; returns its id.
    func createRollout(
        of version: String, to devices: [String], account: String?
    ) async throws(SimulationError) -> String {
        struct Body: Encodable {
            struct Artifact: Encodable {
                var url = "https://firmware.example/simulated.bin"
                var sha256 = String(repeating: "0", count: 64)
            }
            var version: String
            var artifact = Artifact()
            var devices: [String]
            // Each five devices in a row hold one that is not normal.
            var groupSize: Int
            var successThreshold = 60
            var errorThreshold = 40
            var attempts = 2
            var deviceTimeout = 20
            var account: String?
        }
        struct Answer: Decodable { var id: String }
        let groupSize = max(1, devices.count / 50) * 5
        let what = "rolling firmware out"
        let reply = try await write(
            .POST, "rollouts", Body(version: version, devices: devices, groupSize: groupSize, account: account), what)
        guard reply.status == 201 else { throw refusal(what, reply) }
        let answer: Answer = try decode(reply, what)
        return answer.id
    }

    /// How far each device of a rollout has come, by its id.
    func deviceStates(ofRollout rollout: String) async throws(SimulationError) -> [String: String] {
        struct Page: Decodable {
            struct Item: Decodable { var device, state: String }
            var items: [Item]
            var next: String?
        }
        let what = "reading the devices of a rollout"
        var states: [String: String] = [:]
        var after: String?
        while true {
            var query = [URLQueryItem(name: "limit", value: "1000")]
            if let after { query.append(URLQueryItem(name: "after", value: after)) }
            let reply = try await send(request("rollouts/\(rollout)/devices", query), what)
            guard reply.status == 200 else { throw refusal(what, reply) }
            let page: Page = try decode(reply, what)
            for item in page.items { states[item.device] = item.state }
            guard let next = page.next else { return states }
            after = next
        }
    }

    // MARK: Requests

    private struct Reply {
        let status: Int
        let body: Data
    }

    private func request(_ path: String, _ query: [URLQueryItem] = []) -> HTTPClientRequest {
        let url = base.appendingPathComponent(path)
        var request = HTTPClientRequest(url: (query.isEmpty ? url : url.appending(queryItems: query)).absoluteString)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        return request
    }

    private func write(
        _ method: HTTPMethod, _ path: String, _ body: some Encodable, _ what: String, headers: [String: String] = [:]
    ) async throws(SimulationError) -> Reply {
        var request = request(path)
        request.method = method
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Idempotency-Key", value: UUID().uuidString)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        do {
            request.body = .bytes(try JSONEncoder().encode(body))
        } catch {
            throw .setting("\(what): the request cannot be written as JSON")
        }
        return try await send(request, what)
    }

    /// Tries again while there is no answer, or the answer is to come back later.
    private func send(_ request: HTTPClientRequest, _ what: String) async throws(SimulationError) -> Reply {
        let deadline = ContinuousClock.now + patience
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(3))
        while true {
            var pause = backoff.next()
            let reason: String
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
                let body = try await response.body.collect(upTo: Self.longestBody)
                let status = Int(response.status.code)
                guard status == 503 || status == 429 else {
                    return Reply(status: status, body: Data(body.readableBytesView))
                }
                reason = "the server asks to come back later"
                let wish = response.headers.first(name: "Retry-After").flatMap(Int.init)
                if let wish { pause += .seconds(min(max(wish, 0), 30)) }
            } catch {
                reason = "\(error)"
            }
            guard !Task.isCancelled else { throw .cancelled }
            guard .now + pause < deadline else { throw .unreachable(request: what, reason: reason) }
            do { try await Task.sleep(for: pause) } catch { throw .cancelled }
        }
    }

    private func refusal(_ what: String, _ reply: Reply) -> SimulationError {
        struct Problem: Decodable {
            var title: String?
            var detail: String?
        }
        let problem = try? JSONDecoder().decode(Problem.self, from: reply.body)
        let detail = problem?.detail ?? problem?.title ?? "without saying why"
        if reply.status == 401 || reply.status == 403 { return .unauthorized(detail: detail) }
        return .refused(request: what, status: reply.status, detail: detail)
    }

    private func problemType(_ reply: Reply) -> String? {
        struct Problem: Decodable { var type: String }
        return try? JSONDecoder().decode(Problem.self, from: reply.body).type
    }

    private func decode<Answer: Decodable>(_ reply: Reply, _ what: String) throws(SimulationError) -> Answer {
        do {
            return try JSONDecoder().decode(Answer.self, from: reply.body)
        } catch {
            throw .unreachable(request: what, reason: "the answer has another form than expected")
        }
    }
}

/// A page of a stream, as far as the simulation looks at it.
struct EventPage: Sendable, Decodable {
    struct Item: Sendable, Decodable {
        struct Telemetry: Sendable, Decodable {
            var seq: Int64?
        }

        var version: Int64
        var type: String
        var data: Telemetry
    }

    var items: [Item]
    /// Where to go on; nil at the present end of the stream.
    var next: String?
}
