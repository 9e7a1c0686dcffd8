import Foundation
import HTTPTypes
import Runtime
import Testing

@testable import Gateway

/// Times cannot be asserted; what is done can be counted. Two requests for which the same is asked of the log and the views,
/// with as many events in each answer, and for which no actor wakes, take the same time.
@Suite(.timeLimit(.minutes(2))) struct `A device of another account` {
    private struct Question: CustomStringConvertible {
        let method: HTTPRequest.Method
        let path: String
        var body: String?

        var description: String { "\(method.rawValue) \(path)" }
        func path(for device: String) -> String { path.replacing("{id}", with: device) }
    }

    /// Every route below `/devices/{id}`, and the others that name a device.
    private func questions(of gateway: TestGateway) -> [Question] {
        let bodies = [
            "PATCH /api/v1/devices/{id}": #"{"name":"x","serial":"s-7","account":"north"}"#,
            "POST /api/v1/devices/{id}/quarantine": #"{"reason":"odd"}"#,
            "PUT /api/v1/devices/{id}/config": #"{"interval":60}"#,
            "POST /api/v1/devices/{id}/commands": #"{"name":"turn"}"#,
        ]
        let span = "from=2026-01-01T00:00:00Z&to=2036-01-01T00:00:00Z"
        let paths = [
            "GET /api/v1/devices/{id}/diff": ["?" + span],
            "GET /api/v1/devices/{id}": ["", "?version=1", "?version=1000", "?at=2036-01-01T00:00:00Z", "?asOf=9"],
            "GET /api/v1/devices/{id}/config": ["", "?version=1"],
            "GET /api/v1/devices/{id}/states": ["", "?metric=temperature", "?at=2026-11-21T00:00:00Z"],
            "GET /api/v1/devices/{id}/rolling": ["?metric=temperature"],
        ]
        let below = gateway.gateway.routes.filter { $0.path.hasPrefix("/api/v1/devices/{id}") }.flatMap { route in
            let name = "\(route.method.rawValue) \(route.path)"
            let path = route.path.replacing("{key}", with: "1").replacing("{command}", with: "abc")
            return (paths[name] ?? [""]).map { Question(method: route.method, path: path + $0, body: bodies[name]) }
        }
        let others = [
            "/api/v1/streams/device-{id}/events", "/api/v1/streams/device-{id}/events?after=1&limit=1",
            "/api/v1/events?device_id={id}", "/api/v1/metrics/temperature?device_id={id}&resolution=raw",
            "/api/v1/metrics/temperature?device_id={id}&resolution=1d",
            "/api/v1/metrics/temperature?device_id={id}&resolution=1d&asOf=9",
            "/api/v1/metrics/temperature?device_id={id}&resolution=raw&asOf=9",
        ].map { Question(method: .get, path: $0) }
        return below + others
    }

    @Test(arguments: [true, false])
    func `is answered like one that does not exist, with the same work`(isAwake: Bool) async throws {
        let store = CountedStore()
        try await TestGateway.with(store: store) { first in
            try await first.open("north")
            let foreign = try await first.register("foreign")
            for number in 0..<20 { try await first.record(Double(number), for: foreign, seq: Int64(number)) }
            let limited = try await first.token(for: "north")
            // As another server, which has woken nobody.
            try await TestGateway.with(store: store, tokens: first.tokens, admin: first.admin) { second in
                let gateway = isAwake ? first : second
                let awake = await gateway.devices.count
                #expect((awake > 0) == isAwake)
                func work(_ question: Question, on device: String) async throws -> (Reply, [String]) {
                    _ = store.takeNotes()
                    let reply = try await gateway.ask(
                        question.method.rawValue, question.path(for: device), question.body, [:], token: limited)
                    return (reply, store.takeNotes())
                }
                let questions = questions(of: gateway)
                #expect(questions.count >= 25)
                // The token and the types are looked up once, whoever asks.
                _ = try await work(questions[0], on: "warm")
                for question in questions {
                    let (theirs, theirWork) = try await work(question, on: foreign)
                    let (nobodys, noWork) = try await work(question, on: "qqqqqqqqqqqqqqqq")
                    #expect(theirs.status == 404 && theirs.isProblem, "\(question): \(theirs)")
                    #expect(theirs.status == nobodys.status && theirs.body == nobodys.body, "\(question)")
                    #expect(Self.comparable(theirs) == Self.comparable(nobodys), "\(question)")
                    #expect(theirWork == noWork, "\(question)")
                    #expect(await gateway.devices.count == awake, "\(question) woke an actor")
                }
            }
        }
    }

    private static func comparable(_ reply: Reply) -> [String: String] {
        reply.headers.filter { $0.key.lowercased() != "date" }
    }

    @Test func `that was one's own is one's own as of then, and as of now another's`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let device = try await gateway.register()
            let token = try await gateway.token(for: "default")
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(device)", #"{"account":"north"}"#)
            func status(_ query: String) async throws -> Int {
                try await gateway.ask("GET", "/api/v1/devices/\(device)\(query)", token: token).status
            }
            #expect(try await status("?version=1") == 200)
            #expect(try await status("?version=2") == 404)
            #expect(try await status("") == 404)
        }
    }
}
