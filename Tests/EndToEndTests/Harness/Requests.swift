import Runtime
import Support

/// Commands over HTTP, one after another, each repeated under its own key until it is answered.
actor Requests {
    /// What was acknowledged, by the view in which it is to be seen; each under the id that the view has for it.
    private(set) var seenIn: [String: SentHistory] = [:]
    /// The new names of one device, in their order.
    private(set) var renamings = SentHistory()
    /// How the ids of the accounts begin that it opens.
    static let visitor = "visitor-"

    private let device: String
    private let api: @Sendable () async -> API
    private let ovens: MQTTConnection?
    private var isStopping = false

    /// - Parameters:
    ///   - device: whose name is changed.
    ///   - ovens: by which new devices report that they are too hot; none do if nil.
    ///   - api: the server to ask, chosen anew for each attempt.
    init(device: String, ovens: MQTTConnection? = nil, api: @escaping @Sendable () async -> API) {
        self.device = device
        self.ovens = ovens
        self.api = api
    }

    /// Sends them while `body` runs, and a witness reads.
    nonisolated func beside<Value: Sendable>(
        _ witness: Witness, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await witness.watching {
            async let sent: Void = self.send()
            let value: Value
            do {
                value = try await body()
            } catch {
                await self.stop()
                throw error
            }
            await self.stop()
            try await sent
            return value
        }
    }

    private func stop() { isStopping = true }

    private func send() async throws {
        for number in 1... {
            if isStopping { return }
            _ = try await ask("PATCH", "/api/v1/devices/\(device)", #"{"name":"name \#(number)"}"#, "rename-\(number)")
            renamings.acknowledged.insert(SentHistory.Operation(device, number))
            if let ovens, number.isMultiple(of: 10) { try await visit(number, ovens) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func visit(_ number: Int, _ ovens: MQTTConnection) async throws {
        let account = "\(Self.visitor)\(number)"
        _ = try await ask("POST", "/api/v1/accounts", #"{"id":"\#(account)","name":"Visitor"}"#, account)
        acknowledged(account, in: "accounts")
        let oven: API.Device = try await ask(
            "POST", "/api/v1/devices", #"{"serial":"oven-\#(number)","type":"oven"}"#, "oven-\(number)"
        ).value()
        try await ovens.report(80, of: oven.id)
        acknowledged(oven.id, in: "alerts")
        let rollout: API.Rollout = try await ask(
            "POST", "/api/v1/rollouts", API.rolloutPlan(to: [oven.id], groupSize: 1), "rollout-\(number)"
        ).value()
        acknowledged(rollout.id, in: "rollouts")
        acknowledged("\(rollout.id) \(oven.id)", in: "rollout-devices")
    }

    private func acknowledged(_ id: String, in view: String) {
        seenIn[view, default: SentHistory()].acknowledged.insert(SentHistory.Operation(id, 1))
    }

    private func ask(_ method: String, _ path: String, _ body: String, _ key: String) async throws -> API.Answer {
        while true {
            let answer = try? await api().send(method, path, body, headers: ["Idempotency-Key": key])
            if let answer, (200..<300).contains(answer.status) { return answer }
            if let answer, answer.status < 500 {
                throw Wrong("\(method) \(path) was answered \(answer.status) \(answer.text)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits until each reading that the broker took from an oven is in the log.
    func readingsArrived(on system: TestedSystem) async throws {
        let streams = seenIn["alerts"]?.acknowledged.map { "device-\($0.sender)" } ?? []
        var heard: Set<String> = []
        do {
            try await eventually("the ovens' readings arrive", every: .milliseconds(100)) {
                heard = Set(
                    try await system.texts(
                        "ovens heard",
                        "select distinct stream from events where type = 'TelemetryRecorded' and stream = any($1)",
                        [.textArray(streams)]))
                return heard.count == streams.count
            }
        } catch let never as NeverHappened {
            let events = try await system.texts(
                "events of the ovens not heard",
                """
                select concat_ws(' ', position, stream, version, type, recorded_time, data) from events
                where stream = any($1) order by position
                """, [.textArray(streams.filter { !heard.contains($0) })])
            throw Wrong("\(never): of \(streams.count) all but \(heard.count); there is \(events)")
        }
    }

    /// Each acknowledged renaming is in the log once, in order.
    func check(on system: TestedSystem) async throws {
        let stored = try await system.texts(
            "names",
            """
            select substr(data ->> 'name', 6) from events
            where stream = $1 and type = 'DeviceUpdated' and data ->> 'name' like 'name %' order by version
            """, [.text("device-\(device)")])
        let read = stored.map { SentHistory.Operation(device, Int($0) ?? 0) }
        try none(renamings.anomalies(inLog: read), of: "commands")
    }
}

/// Fails with the first of them, if there are any.
func none(_ anomalies: [Anomaly], of what: String) throws {
    guard anomalies.isEmpty else {
        throw Wrong("\(what): \(anomalies.count) anomalies, \(anomalies.prefix(20).map(\.description))")
    }
}
