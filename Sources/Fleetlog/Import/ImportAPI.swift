import Foundation
import Runtime

/// The server's HTTP interface, as far as an import needs it.
struct ImportAPI: Sendable {
    struct Outcome: Sendable, Decodable {
        struct Problem: Sendable, Decodable {
            var detail: String
        }

        var id: String?
        var apiKey: String?
        var problem: Problem?
    }

    private struct Answer: Decodable { var items: [Outcome] }

    private let url: String
    private let token: String
    /// How long a request is tried again while the server is busy or away.
    private static let patience = Duration.seconds(120)

    init(_ base: URL, token: String) {
        url = base.appendingPathComponent("api/v1/devices/batch").absoluteString
        self.token = token
    }

    /// Registers the devices; what became of each, in their order.
    ///
    /// - Throws: `SettingsError` if the server refuses the whole, or does not answer for minutes.
    func register(_ devices: [Data], account: String?) async throws -> [Outcome] {
        let data = try await send(try Self.body(devices, account: account))
        guard let answer = try? JSONDecoder().decode(Answer.self, from: data), answer.items.count == devices.count
        else {
            throw SettingsError("the server answered something else than what became of each device")
        }
        return answer.items
    }

    private static func body(_ devices: [Data], account: String?) throws -> Data {
        var body = Data("{".utf8)
        if let account {
            body.append(Data("\"account\":".utf8))
            body.append(try JSONEncoder().encode(account))
            body.append(Data(",".utf8))
        }
        body.append(Data("\"devices\":[".utf8))
        for (index, device) in devices.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.append(device)
        }
        body.append(Data("]}".utf8))
        return body
    }

    /// Tries again while there is no answer, or the answer is to come back later.
    private func send(_ body: Data) async throws -> Data {
        let deadline = ContinuousClock.now + Self.patience
        var backoff = Backoff(first: .milliseconds(200), limit: .seconds(5))
        while true {
            let reason: String
            var isFinal = false
            do throws(BlockingPost.Failed) {
                let answer = try await BlockingPost.send(body, to: url, token: token)
                if answer.status == 200 { return answer.body }
                struct Problem: Decodable { var detail: String }
                let problem = try? JSONDecoder().decode(Problem.self, from: answer.body)
                reason = problem?.detail ?? "the server answered \(answer.status)"
                isFinal = answer.status != 503 && answer.status != 429
            } catch {
                reason = error.reason
            }
            if isFinal { throw SettingsError("the server refuses it all: \(reason)") }
            try Task.checkCancellation()
            guard .now < deadline else { throw SettingsError("the server cannot be reached: \(reason)") }
            try await Task.sleep(for: backoff.next())
        }
    }
}
