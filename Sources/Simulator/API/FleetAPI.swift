import Foundation
import FoundationNetworking
import Runtime

/// The server's HTTP interface, as far as a simulated fleet needs it.
struct FleetAPI: Sendable {
    private let base: URL
    private let token: String
    private let session: URLSession
    /// How long a request is tried again while the server is busy or away.
    private let patience: Duration

    init(_ base: URL, token: String, patience: Duration) {
        self.base = base.appendingPathComponent("api/v1")
        self.token = token
        self.patience = patience
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 30
        configuration.httpMaximumConnectionsPerHost = Self.requestsAtOnce
        session = URLSession(configuration: configuration)
    }

    /// More would only wait in line.
    static let requestsAtOnce = 6

    func finish() { session.finishTasksAndInvalidate() }

    /// Opens the account unless it is there. Its settings are left alone once somebody else has touched the account.
    func open(_ account: OwnAccount) async throws(SimulationError) {
        struct Opening: Encodable {
            var id, name: String
        }
        let opened = try await write(
            "POST", "accounts", Opening(id: account.id, name: account.name), "opening the account \(account.id)")
        guard [201, 409].contains(opened.1.statusCode) else {
            throw refusal("opening the account \(account.id)", opened.0, opened.1)
        }
        let what = "changing the settings of the account \(account.id)"
        let changed = try await write(
            "PUT", "accounts/\(account.id)/settings", account.settings, what, headers: ["If-Match": "\"1\""])
        guard [200, 204, 412].contains(changed.1.statusCode) else { throw refusal(what, changed.0, changed.1) }
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
        let (data, response) = try await write(
            "POST", "devices",
            Body(
                serial: entry.serial, type: entry.type.rawValue, name: entry.name, labels: entry.labels,
                account: account), what)
        if response.statusCode == 409, problemType(data) == "urn:fleetlog:problem:serial-taken" { return nil }
        guard response.statusCode == 201 else { throw refusal(what, data, response) }
        let answer: Answer = try decode(data, what)
        return answer.apiKey.map { (answer.id, $0) }
    }

    /// A device's version, which may be a little behind; nil if there is no such device, or none in use.
    func version(of device: String) async throws(SimulationError) -> Int64? {
        struct Answer: Decodable {
            var version: Int64
            var state: String?
        }
        let what = "reading a device"
        let (data, response) = try await send(request("devices/\(device)"), what)
        if response.statusCode == 404 { return nil }
        guard response.statusCode == 200 else { throw refusal(what, data, response) }
        let answer: Answer = try decode(data, what)
        return answer.state == "retired" ? nil : answer.version
    }

    /// The events of a device after a version.
    func events(of device: String, after place: String) async throws(SimulationError) -> EventPage {
        let what = "reading the events of a device"
        let query = [URLQueryItem(name: "after", value: place), URLQueryItem(name: "limit", value: "1000")]
        let (data, response) = try await send(request("streams/device-\(device)/events", query), what)
        guard response.statusCode == 200 else { throw refusal(what, data, response) }
        return try decode(data, what)
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
        var request = request("rollouts")
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue(UUID().uuidString, forHTTPHeaderField: "Idempotency-Key")
        let groupSize = max(1, devices.count / 50) * 5
        do {
            request.httpBody = try JSONEncoder().encode(
                Body(version: version, devices: devices, groupSize: groupSize, account: account))
        } catch {
            throw .setting("the rollout cannot be written as JSON")
        }
        let what = "rolling firmware out"
        let (data, response) = try await send(request, what)
        guard response.statusCode == 201 else { throw refusal(what, data, response) }
        let answer: Answer = try decode(data, what)
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
            let (data, response) = try await send(request("rollouts/\(rollout)/devices", query), what)
            guard response.statusCode == 200 else { throw refusal(what, data, response) }
            let page: Page = try decode(data, what)
            for item in page.items { states[item.device] = item.state }
            guard let next = page.next else { return states }
            after = next
        }
    }

    // MARK: Requests

    private func request(_ path: String, _ query: [URLQueryItem] = []) -> URLRequest {
        let url = base.appendingPathComponent(path)
        var request = URLRequest(url: query.isEmpty ? url : url.appending(queryItems: query))
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        return request
    }

    private func write(
        _ method: String, _ path: String, _ body: some Encodable, _ what: String, headers: [String: String] = [:]
    ) async throws(SimulationError) -> (Data, HTTPURLResponse) {
        var request = request(path)
        request.httpMethod = method
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue(UUID().uuidString, forHTTPHeaderField: "Idempotency-Key")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        do {
            request.httpBody = try JSONEncoder().encode(body)
        } catch {
            throw .setting("\(what): the request cannot be written as JSON")
        }
        return try await send(request, what)
    }

    /// Tries again while there is no answer, or the answer is to come back later.
    private func send(
        _ request: URLRequest, _ what: String
    ) async throws(SimulationError) -> (Data, HTTPURLResponse) {
        let deadline = ContinuousClock.now + patience
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(3))
        while true {
            var pause = backoff.next()
            let reason: String
            do {
                let (data, response) = try await session.data(for: request)
                guard let response = response as? HTTPURLResponse else {
                    throw SimulationError.unreachable(request: what, reason: "the answer is not HTTP")
                }
                guard response.statusCode == 503 || response.statusCode == 429 else { return (data, response) }
                reason = "the server asks to come back later"
                let wish = response.value(forHTTPHeaderField: "Retry-After").flatMap(Int.init)
                if let wish { pause += .seconds(min(max(wish, 0), 30)) }
            } catch let error as SimulationError {
                throw error
            } catch {
                reason = error.localizedDescription
            }
            guard !Task.isCancelled else { throw .cancelled }
            guard .now + pause < deadline else { throw .unreachable(request: what, reason: reason) }
            do { try await Task.sleep(for: pause) } catch { throw .cancelled }
        }
    }

    private func refusal(_ what: String, _ data: Data, _ response: HTTPURLResponse) -> SimulationError {
        struct Problem: Decodable {
            var title: String?
            var detail: String?
        }
        let problem = try? JSONDecoder().decode(Problem.self, from: data)
        let detail = problem?.detail ?? problem?.title ?? "without saying why"
        if response.statusCode == 401 || response.statusCode == 403 { return .unauthorized(detail: detail) }
        return .refused(request: what, status: response.statusCode, detail: detail)
    }

    private func problemType(_ data: Data) -> String? {
        struct Problem: Decodable { var type: String }
        return try? JSONDecoder().decode(Problem.self, from: data).type
    }

    private func decode<Answer: Decodable>(_ data: Data, _ what: String) throws(SimulationError) -> Answer {
        do {
            return try JSONDecoder().decode(Answer.self, from: data)
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
