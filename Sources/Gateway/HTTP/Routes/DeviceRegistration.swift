import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

extension DeviceRoutes {
    func register(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange)
        let account = try fields.optionalText("account").map { AccountID($0) } ?? caller.homeAccount
        var registration = try Registration(&fields, account, alsoKnown: ", account")

        let id = key?.resourceID ?? ResourceID.random()
        let commandID = key?.commandID ?? .v7()
        let apiKey = DeviceKey.random()
        let receipt: CommandReceipt
        do throws(Problem) {
            receipt = try await serials.claiming(registration.serial, in: account, for: id, key) { () throws(Problem) in
                try await accounts.withStanding(of: account, scope: caller.scope) {
                    standing, fence throws(DispatchError<Device.Rejection>) in
                    registration.account = standing
                    return try await devices.send(
                        CommandEnvelope(
                            id: commandID, .register(registration), context: exchange.context(for: caller),
                            fence: fence,
                            sideRows: [
                                DeviceCredentialRows.firstKey(apiKey.hash, of: id, registration),
                                DeviceSerialRows.insertion(of: registration.serial, in: account.rawValue, device: id),
                            ],
                            fingerprint: key?.fingerprint), to: id)
                }
            }
        } catch {
            // A retry may come after the command window; the log has not forgotten.
            guard key != nil, error.kind == "already-registered" else { throw error }
            receipt = try await lateReceipt(of: registration, id, commandID)
        }
        // Also of a repetition: the broker may have missed it when the first answer was lost.
        await credentials.changed(device: id)
        // A repetition does not show the key again, since only its holder knows it.
        return try await answer(
            id, after: receipt, status: .created, apiKey: receipt.effect == .duplicate ? nil : apiKey.text)
    }

    /// What came of a registration that is no longer among the accepted commands.
    private func lateReceipt(
        of registration: Registration, _ id: String, _ commandID: UUID128
    ) async throws(Problem) -> CommandReceipt {
        let first: RecordedEvent?
        do throws(EventStoreError) {
            first = try await store.readStream(StreamName(category: Device.category, id: id), from: 1, limit: 1).first
        } catch {
            throw Problem(error)
        }
        guard let first, first.metadata.commandID == commandID,
            case .registered(let fact) = try? Device.codec.decode(first), fact == (try? registration.checked())
        else { throw .keyReused }
        return CommandReceipt(effect: .duplicate, stream: first.stream, version: 1, position: first.position)
    }
}
