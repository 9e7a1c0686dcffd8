extension API {
    struct Page<Item: Decodable & Sendable>: Decodable, Sendable {
        var items: [Item]
    }

    /// What the tests look at in an alert.
    struct Alert: Decodable, Sendable {
        var id: String
        var device: String
        var kind: String
        var state: String
        var acknowledgedBy: String?
        var note: String?
    }

    struct Rollout: Decodable, Sendable {
        var id: String
        var state: String
        var counts: [String: Int]
        var openedGroups: Int
    }

    struct RolloutDevice: Decodable, Sendable {
        var device: String
        var group: Int
        var state: String
        var attempt: Int
    }

    /// Changes what the workflows of the account `default` go by.
    func configure(_ settings: String) async throws {
        let answer = try await send("PUT", "/api/v1/accounts/default/settings", settings)
        guard answer.status == 200 else { throw Wrong("settings were answered \(answer.status) \(answer.text)") }
    }

    /// - Parameter query: with its question mark.
    func alerts(_ query: String = "") async throws -> [Alert] {
        try await send("GET", "/api/v1/alerts\(query)").value(Page<Alert>.self).items
    }

    func acknowledge(_ alert: String, note: String) async throws -> Alert {
        try await send("POST", "/api/v1/alerts/\(alert)/acknowledge", #"{"note":"\#(note)"}"#).value()
    }

    static func rolloutPlan(
        to devices: [String], groupSize: Int, successThreshold: Int = 100, errorThreshold: Int = 0
    ) -> String {
        let ids = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let sha256 = String(repeating: "0f", count: 32)
        return """
            {"version":"2.0","artifact":{"url":"http://127.0.0.1/firmware","sha256":"\(sha256)"},"devices":[\(ids)],
             "groupSize":\(groupSize),"successThreshold":\(successThreshold),"errorThreshold":\(errorThreshold),
             "attempts":1}
            """
    }

    /// Starts a rollout of version 2.0 in which each device has one attempt.
    func rollOut(
        to devices: [String], groupSize: Int, successThreshold: Int = 100, errorThreshold: Int = 0
    ) async throws -> Rollout {
        let answer = try await send(
            "POST", "/api/v1/rollouts",
            Self.rolloutPlan(
                to: devices, groupSize: groupSize, successThreshold: successThreshold, errorThreshold: errorThreshold))
        guard answer.status == 201 else { throw Wrong("a rollout was answered \(answer.status) \(answer.text)") }
        return try answer.value()
    }

    func rollout(_ id: String) async throws -> Rollout { try await send("GET", "/api/v1/rollouts/\(id)").value() }

    func devices(ofRollout id: String) async throws -> [RolloutDevice] {
        try await send("GET", "/api/v1/rollouts/\(id)/devices").value(Page<RolloutDevice>.self).items
    }

    /// - Parameter action: pause, resume or abort.
    @discardableResult
    func order(_ action: String, rollout id: String) async throws -> Rollout {
        let answer = try await send("POST", "/api/v1/rollouts/\(id)/\(action)", "{}")
        guard answer.status == 200 else { throw Wrong("\(action) was answered \(answer.status) \(answer.text)") }
        return try answer.value()
    }
}
