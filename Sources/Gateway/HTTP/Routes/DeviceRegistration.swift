import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

extension DeviceRoutes {
    func register(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange)
        let serial = try fields.text("serial")
        let type = DeviceType(try fields.text("type"))
        let name = try fields.optionalText("name") ?? serial
        let labels = try fields.optionalTexts("labels") ?? [:]
        let account = try fields.optionalText("account").map { AccountID($0) } ?? caller.homeAccount
        try fields.finish(known: "serial, type, name, labels, account")

        let id = key?.resourceID ?? ResourceID.random()
        let commandID = key?.commandID ?? .v7()
        let apiKey = DeviceKey.random()
        let verifier = try apiKey.verifier()
        var registration = Registration(
            serial: serial, type: type, name: name, labels: labels,
            account: AccountStanding(id: account, isActive: true))
        let receipt: CommandReceipt
        do throws(Problem) {
            receipt = try await accounts.withStanding(of: account, scope: caller.scope) {
                standing, fence throws(DispatchError<Device.Rejection>) in
                registration.account = standing
                return try await devices.send(
                    CommandEnvelope(
                        id: commandID, .register(registration), context: exchange.context(for: caller), fence: fence,
                        sideRows: [DeviceCredentialRows.insertion(of: verifier, keyID: "1", device: id)]), to: id)
            }
        } catch {
            // A retry may come so late that the aggregate has forgotten the command; the log has not.
            if key != nil, error.kind == "already-registered" {
                return try await replay(registration, id, commandID, caller)
            }
            throw error
        }
        if receipt.effect == .duplicate { return try await replay(registration, id, commandID, caller) }
        await credentials.changed(device: id)
        guard let row = try await folded(id) else { throw .internalFailure(cause: "a registration left no events") }
        var device = DeviceAnswer(row)
        device.apiKey = apiKey.text
        return try .json(device, status: .created, headers: Self.headers(id, receipt.version))
    }

    /// Answers a registration that was sent again: the same device, and no key, since only its holder knows it.
    private func replay(
        _ registration: Registration, _ id: String, _ commandID: UUID128, _ caller: Caller
    ) async throws(Problem) -> Response {
        let first: RecordedEvent?
        do throws(EventStoreError) {
            first = try await store.readStream(StreamName(category: Device.category, id: id), from: 1, limit: 1).first
        } catch {
            throw Problem(error)
        }
        guard let first, first.metadata.commandID == commandID,
            case .registered(let fact) = try? Device.codec.decode(first),
            fact.serial == registration.serial, fact.type == registration.type, fact.name == registration.name,
            fact.labels == registration.labels, fact.account == registration.account.id
        else {
            throw Problem(
                .unprocessableContent, "idempotency-key-reused", "This Idempotency-Key meant something else",
                "Use a new key for another registration.", field: "Idempotency-Key")
        }
        // The broker may have missed it when the first answer was lost.
        await credentials.changed(device: id)
        guard let row = try await row(id, scope: caller.scope) else { throw .noDevice }
        var headers = Self.headers(id, row.version)
        headers[.idempotencyReplayed] = "true"
        return try .json(DeviceAnswer(row), status: .created, headers: headers)
    }

    private static func headers(_ id: String, _ version: Int64) -> HTTPFields {
        [.location: "/api/v1/devices/\(id)", .eTag: EntityTag(version: version).description]
    }
}
