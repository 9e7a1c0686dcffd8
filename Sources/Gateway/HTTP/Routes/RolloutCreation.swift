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
        // Whatever devices there are by now.
        if let first = try await key?.firstReceipt(in: store) {
            return try await answer(id, after: first, status: .created)
        }
        let commandID = key?.commandID ?? .v7()
        plan.devices = try await devices(selectedBy: selection, account: account)
        let receipt: CommandReceipt
        do throws(Problem) {
            receipt = try await send(
                CommandEnvelope(
                    id: commandID, .create(plan), context: exchange.context(for: caller),
                    fingerprint: key?.fingerprint), to: id)
        } catch {
            // A retry may come after the command window; the log has not forgotten.
            guard key != nil, error.kind == "rollout-exists" else { throw error }
            receipt = try await lateReceipt(of: plan, id, commandID)
        }
        return try await answer(id, after: receipt, status: .created)
    }

    /// What came of a creation that is no longer among the accepted commands.
    private func lateReceipt(
        of plan: RolloutPlan, _ id: String, _ commandID: UUID128
    ) async throws(Problem) -> CommandReceipt {
        let events: [RecordedEvent]
        do throws(EventStoreError) {
            events = try await store.readStream(
                StreamName(category: Rollout.category, id: id), from: 1, limit: 1_000)
        } catch {
            throw Problem(error)
        }
        let own = events.prefix { $0.metadata.commandID == commandID }
        guard let first = own.first, let last = own.last,
            case .created(let fact) = try? Rollout.codec.decode(first), fact.plan.hasSameTerms(as: plan)
        else { throw .keyReused }
        return CommandReceipt(
            effect: .duplicate, stream: last.stream, version: last.version, position: last.position)
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
            if try await queries.position(of: "devices") ?? head >= head { return }
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
