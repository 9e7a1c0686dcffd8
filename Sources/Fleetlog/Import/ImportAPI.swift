import Foundation
import FoundationNetworking
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

    private let url: URL
    private let token: String
    private let session: URLSession
    /// How long a request is tried again while the server is busy or away.
    private static let patience = Duration.seconds(120)

    init(_ base: URL, token: String) {
        url = base.appendingPathComponent("api/v1/devices/batch")
        self.token = token
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 60
        session = URLSession(configuration: configuration)
    }

    func finish() { session.finishTasksAndInvalidate() }

    /// Registers the devices; what became of each, in their order.
    ///
    /// - Throws: `SettingsError` if the server refuses the whole, or does not answer for minutes.
    func register(_ devices: [Data], account: String?) async throws -> [Outcome] {
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try Self.body(devices, account: account)
        let data = try await send(request)
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
    private func send(_ request: URLRequest) async throws -> Data {
        let deadline = ContinuousClock.now + Self.patience
        var backoff = Backoff(first: .milliseconds(200), limit: .seconds(5))
        while true {
            let reason: String
            do {
                let (data, response) = try await session.data(for: request)
                let status = (response as? HTTPURLResponse)?.statusCode ?? 0
                if status == 200 { return data }
                struct Problem: Decodable { var detail: String }
                let detail = (try? JSONDecoder().decode(Problem.self, from: data))?.detail ?? "without saying why"
                guard status == 503 || status == 429 else {
                    throw SettingsError("the server answered \(status): \(detail)")
                }
                reason = detail
            } catch let error as SettingsError {
                throw error
            } catch {
                reason = error.localizedDescription
            }
            try Task.checkCancellation()
            guard .now < deadline else { throw SettingsError("the server cannot be reached: \(reason)") }
            try await Task.sleep(for: backoff.next())
        }
    }
}
