import Foundation
import FoundationNetworking

/// The server's HTTP interface, as a stranger uses it.
struct API: Sendable {
    struct Answer: Sendable {
        let status: Int
        let type: String
        let body: Data

        var text: String { String(decoding: body, as: UTF8.self) }
        func value<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            do {
                return try JSONDecoder().decode(type, from: body)
            } catch {
                throw Wrong("the API answered \(status) \(text), which is no \(type)")
            }
        }
    }

    /// What the tests look at in a device.
    struct Device: Decodable, Sendable {
        var id: String
        var name: String
        var version: Int64
        var telemetryCount: Int64
        var refusedCount: Int64
        var apiKey: String?
    }

    let port: Int
    let token: String

    private static let session = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 30
        configuration.httpMaximumConnectionsPerHost = 32
        return URLSession(configuration: configuration)
    }()

    func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { throw Wrong("\(path) is no path") }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = body.map { Data($0.utf8) }
        if !token.isEmpty { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await Self.session.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw Wrong("no HTTP answer") }
        return Answer(
            status: response.statusCode, type: response.value(forHTTPHeaderField: "Content-Type") ?? "", body: data)
    }

    /// Nil while nobody answers.
    func readiness() async -> Answer? { try? await send("GET", "/readyz") }

    func register(_ serial: String) async throws -> Device {
        let answer = try await send("POST", "/api/v1/devices", #"{"serial":"\#(serial)","type":"temperature"}"#)
        guard answer.status == 201 else { throw Wrong("a registration was answered \(answer.status) \(answer.text)") }
        return try answer.value()
    }

    func device(_ id: String) async throws -> Device { try await send("GET", "/api/v1/devices/\(id)").value() }

    func connectivity(of id: String) async throws -> String {
        struct Device: Decodable {
            struct Connectivity: Decodable { var state: String }
            var connectivity: Connectivity
        }
        return try await send("GET", "/api/v1/devices/\(id)").value(Device.self).connectivity.state
    }

    func rename(_ id: String, _ name: String) async throws -> Answer {
        try await send("PATCH", "/api/v1/devices/\(id)", #"{"name":"\#(name)"}"#)
    }
}
