import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

extension RolloutRoutes {
    /// How long a creation waits for devices that have just been registered to be in the view.
    private static let patience = Duration.seconds(3)

    func create(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange)
        let account = try fields.optionalText("account").map { AccountID($0) } ?? caller.homeAccount
        guard caller.scope.includes(account) else { throw .malformed("account", "There is no account \(account).") }
        let selection = try Self.selection(&fields)
        var plan = RolloutPlan(
            account: account, version: try fields.text("version"), artifact: try Self.artifact(&fields), devices: [],
            groupSize: try fields.wholeNumber("groupSize"),
            successThreshold: try fields.wholeNumber("successThreshold"),
            errorThreshold: try fields.wholeNumber("errorThreshold"))
        if let attempts = try fields.optionalWholeNumber("attempts") { plan.attempts = attempts }
        if let timeout = try fields.optionalWholeNumber("deviceTimeout") { plan.deviceTimeout = timeout }
        try fields.finish(
            known: "version, artifact, devices, type, labels, groupSize, successThreshold, errorThreshold, account, "
                + "attempts, deviceTimeout")

        let id = key?.resourceID ?? ResourceID.random()
        let commandID = key?.commandID ?? .v7()
        plan.devices = try await devices(selectedBy: selection, account: account)
        let receipt: CommandReceipt
        do throws(Problem) {
            receipt = try await send(
                CommandEnvelope(id: commandID, .create(plan), context: exchange.context(for: caller)), to: id)
        } catch {
            // A retry may come so late that the aggregate has forgotten the command; the log has not.
            if key != nil, error.kind == "rollout-exists" { return try await replay(plan, id, commandID, caller) }
            throw error
        }
        if receipt.effect == .duplicate { return try await replay(plan, id, commandID, caller) }
        return try await current(id, caller.scope, status: .created, headers: [.location: "/api/v1/rollouts/\(id)"])
    }

    /// Answers a creation that was sent again: the same rollout, whatever its devices are by now.
    private func replay(
        _ plan: RolloutPlan, _ id: String, _ commandID: UUID128, _ caller: Caller
    ) async throws(Problem) -> Response {
        let first: RecordedEvent?
        do throws(EventStoreError) {
            first = try await store.readStream(StreamName(category: Rollout.category, id: id), from: 1, limit: 1).first
        } catch {
            throw Problem(error)
        }
        guard let first, first.metadata.commandID == commandID,
            case .created(let fact) = try? Rollout.codec.decode(first), fact.plan.hasSameTerms(as: plan)
        else {
            throw Problem(
                .unprocessableContent, "idempotency-key-reused", "This Idempotency-Key meant something else",
                "Use a new key for another rollout.", field: "Idempotency-Key")
        }
        return try await current(
            id, caller.scope, status: .created,
            headers: [.location: "/api/v1/rollouts/\(id)", .idempotencyReplayed: "true"])
    }

    private static func artifact(_ fields: inout RequestFields) throws(Problem) -> FirmwareArtifact {
        guard var artifact = try fields.optionalTexts("artifact") else {
            throw .malformed("artifact", "artifact is missing: send an object with url and sha256.")
        }
        guard let url = artifact.removeValue(forKey: "url"), let sha256 = artifact.removeValue(forKey: "sha256"),
            artifact.isEmpty
        else { throw .malformed("artifact", "artifact must be an object with url and sha256, and nothing else.") }
        return FirmwareArtifact(url: url, sha256: sha256)
    }

    private static func selection(_ fields: inout RequestFields) throws(Problem) -> DeviceSelection {
        let choices = [
            try fields.optionalTextList("devices").map { DeviceSelection.ids($0) },
            try fields.optionalText("type").map { DeviceSelection.type($0) },
            try fields.optionalTexts("labels").map { DeviceSelection.labels($0) },
        ].compactMap { $0 }
        guard let selection = choices.first, choices.count == 1, selection != .labels([:]) else {
            throw .malformed("devices", "Name the devices by exactly one of devices (ids), type, or labels.")
        }
        return selection
    }

    /// In the order in which they were named, or of their ids.
    private func devices(
        selectedBy selection: DeviceSelection, account: AccountID
    ) async throws(Problem) -> [String] {
        var found: [String]
        do throws(QueryError) {
            try await viewHasDevices(by: .now + Self.patience)
            found = try await queries.devices(
                selectedBy: selection, account: account, limit: RolloutPlan.mostDevices + 1)
        } catch {
            throw Problem(error)
        }
        if case .ids(let ids) = selection {
            let known = Set(found)
            found = ids.filter { known.contains($0) }
        }
        guard !found.isEmpty else {
            throw Problem(
                .unprocessableContent, "no-devices", "No device is meant",
                "No device of the account \(account) that is in service fits; check devices, type or labels.",
                field: "devices")
        }
        return found
    }

    /// Returns when the view of devices has what the log had when it was asked, or at the deadline.
    private func viewHasDevices(by deadline: ContinuousClock.Instant) async throws(QueryError) {
        let head: Int64
        do throws(EventStoreError) {
            head = try await store.head().position
        } catch {
            throw .unavailable(reason: error.debugDescription)
        }
        while ContinuousClock.now < deadline {
            let view = try await queries.projections().first { $0.name == "devices" }
            if view?.position ?? head >= head { return }
            do {
                try await Task.sleep(for: .milliseconds(20))
            } catch {
                return
            }
        }
    }
}

extension RolloutPlan {
    fileprivate func hasSameTerms(as other: RolloutPlan) -> Bool {
        var (own, others) = (self, other)
        (own.devices, others.devices) = ([], [])
        return own == others
    }
}
