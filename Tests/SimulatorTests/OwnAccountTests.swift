import Foundation
import Support
import Synchronization
import Testing

@testable import Simulator

/// Opens the account of a simulated fleet at a server that answers with these statuses; what it was asked.
private func requests(opening: Int, settings: Int) async throws -> [FakeServer.Request] {
    let asked = Mutex<[FakeServer.Request]>([])
    let server = try FakeServer { request in
        asked.withLock { $0.append(request) }
        return .init(status: request.method == "PUT" ? settings : opening, body: #"{"detail":"no"}"#)
    }
    defer { server.stop() }
    let api = FleetAPI(server.url, token: "good", patience: .seconds(20))
    try await api.open(.demonstration)
    return asked.withLock { $0 }
}

@Suite(.timeLimit(.minutes(5))) struct `The account of a simulated fleet` {
    @Test func `is opened, with settings that show something soon`() async throws {
        let asked = try await requests(opening: 201, settings: 200)
        try #require(asked.map(\.method) == ["POST", "PUT"])
        #expect(asked[0].path == "/api/v1/accounts" && asked[1].path == "/api/v1/accounts/simulation/settings")
        #expect(try JSONDecoder().decode([String: String].self, from: asked[0].body)["id"] == "simulation")
        let settings = try JSONDecoder().decode([String: [String: Int]].self, from: asked[1].body)
        #expect(settings["silence"] == ["seconds": 30, "grace": 15])
        #expect(settings["overheating"] == ["limit": 45, "n": 3, "seconds": 10])
        #expect(asked[1].headers["if-match"] == "\"1\"", "settings that somebody has changed stay")
    }

    @Test func `may have been opened and changed before`() async throws {
        #expect(try await requests(opening: 409, settings: 412).count == 2)
    }

    @Test(arguments: [(403, 200), (201, 404)])
    func `is told of if it cannot be had as wished`(_ opening: Int, _ settings: Int) async throws {
        await #expect(throws: SimulationError.self) { try await requests(opening: opening, settings: settings) }
    }
}
