import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// Devices that register themselves with a claim code, before they have a key.
struct ClaimRoutes: Sendable {
    let devices: DeviceRoutes
    /// What wrong codes cost their senders.
    let failures = FailureBudget()

    var all: [Route] { [.open(.post, "/api/v1/claims", claim)] }

    private func claim(_ exchange: Exchange) async throws(Problem) -> Response {
        try failures.check(exchange.peer)
        var fields = try RequestFields(exchange)
        let text = try fields.text("code")
        let (serial, type) = (try fields.text("serial"), DeviceType(try fields.text("type")))
        let name = try fields.optionalText("name") ?? serial
        try fields.finish(known: "code, serial, type, name")
        do throws(Problem) {
            guard let secret = ClaimSecret(text) else { throw .claimRefused }
            let code = try await code(secret, at: exchange.time)
            let registration = Registration(
                serial: serial, type: type, name: name, labels: [:],
                account: AccountStanding(id: secret.account, isActive: true), claim: code.id)
            return try await register(registration, exchange)
        } catch {
            if error.kind == Problem.claimRefused.kind { try failures.charge(exchange.peer) }
            throw error
        }
    }

    /// An account that does not exist is looked up like one that does.
    private func code(_ secret: ClaimSecret, at time: Timestamp) async throws(Problem) -> ClaimCode {
        let account: Account.State
        do throws(DispatchError<Account.Rejection>) {
            account = try await devices.accounts.accounts.recallLatest(secret.account.rawValue).state
        } catch {
            throw Problem(error)
        }
        guard let code = secret.code(among: account.claimCodes.values, at: time) else { throw .claimRefused }
        return code
    }

    /// The code is used and the device registered, or neither.
    private func register(_ registration: Registration, _ exchange: Exchange) async throws(Problem) -> Response {
        let (id, key, account) = (ResourceID.random(), DeviceKey.random(), registration.account.id)
        let rows = [
            DeviceCredentialRows.firstKey(key.hash, of: id, registration),
            DeviceSerialRows.insertion(of: registration.serial, in: account.rawValue, device: id),
        ]
        let (device, home) = (devices.devices.member(id), devices.accounts.accounts.member(account.rawValue))
        let command = JointCommand(
            id: .v7(), fingerprint: nil,
            context: CommandContext(
                time: exchange.time, principal: .device(id), scope: .only(account),
                correlationID: exchange.correlationID, traceParent: exchange.traceParent))
        let receipt = try await devices.serials.claiming(registration.serial, in: account, for: id, nil) {
            () throws(Problem) in
            do throws(JointError<Problem>) {
                return try await JointDecisions(store: devices.store).perform(command, with: [device, home]) {
                    joint throws(Problem) in
                    do throws(DispatchError<Account.Rejection>) {
                        try joint.send(.useClaimCode(id: registration.claim ?? "", device: id), to: home)
                    } catch {
                        throw Problem(error)
                    }
                    do throws(DispatchError<Device.Rejection>) {
                        try joint.send(.register(registration), to: device, sideRows: rows)
                    } catch {
                        throw Problem(error)
                    }
                }
            } catch {
                throw Problem(error)
            }
        }
        guard let own = receipt.receipts[device.stream] else {
            throw .internalFailure(cause: "a claim left no receipt for \(device.stream)")
        }
        await devices.credentials.changed(device: id)
        return try await devices.answer(id, after: own, status: .created, apiKey: key.text)
    }
}
