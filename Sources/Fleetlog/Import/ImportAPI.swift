import Foundation

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

    private let post: RepeatedPost

    init(_ base: URL, token: String) {
        post = RepeatedPost(url: base.appendingPathComponent("api/v1/devices/batch").absoluteString, token: token)
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

    func outcomes(of devices: [Data], _ account: String?) async -> Result<[Outcome], any Error> {
        do {
            return .success(try await register(devices, account: account))
        } catch {
            return .failure(error)
        }
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

    /// Sent again, a batch registers nothing twice: the serial numbers are taken.
    private func send(_ body: Data) async throws -> Data {
        do {
            let answer = try await post.send(body).answer
            guard answer.status == 200 else { throw SettingsError("the server refuses it all: \(answer.reason)") }
            return answer.body
        } catch let error as RepeatedPost.Unanswered {
            throw SettingsError("the server cannot be reached: \(error.reason)")
        }
    }
}
