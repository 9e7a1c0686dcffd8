import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

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

    /// As many connections as the tests ask questions at once; lives as long as the tests do.
    private static let client = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        // Who asks a server that is dead is to hear of it at once, and not after ten seconds of trying.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method)
        if let body { request.body = .bytes(Data(body.utf8)) }
        if !token.isEmpty { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if body != nil { request.headers.add(name: "Content-Type", value: "application/json") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        let data = Data(try await response.body.collect(upTo: 64 << 20).readableBytesView)
        return Answer(
            status: Int(response.status.code), type: response.headers.first(name: "Content-Type") ?? "", body: data)
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
