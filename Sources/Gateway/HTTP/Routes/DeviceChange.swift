import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

extension DeviceRoutes {
    func change(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        var fields = try RequestFields(exchange)
        let changes = Changes(
            serial: try fields.optionalText("serial"), name: try fields.optionalText("name"),
            type: try fields.optionalText("type").map { DeviceType($0) }, labels: try fields.optionalTexts("labels"),
            location: try fields.optionalLocation("location"), metadata: try fields.optionalObject("metadata"),
            limits: try fields.optionalLimits("limits"))
        let account = try fields.optionalText("account").map { AccountID($0) }
        try fields.finish(known: "serial, name, type, labels, location, metadata, limits, account")
        let state = try await memory(of: id, caller).state
        let receipt: CommandReceipt
        if account != nil || changes.serial != nil {
            let command = JointCommand(
                id: key?.commandID ?? .v7(), fingerprint: key?.fingerprint, context: exchange.context(for: caller))
            let (serial, home) = (changes.serial ?? state.serial, account ?? state.account)
            receipt = try await serials.claiming(serial, in: home, for: id, key) { () throws(Problem) in
                try await move(id, to: account, changes, command, expected)
            }
        } else {
            receipt = try await send(
                CommandEnvelope(
                    id: key?.commandID ?? .v7(), .update(changes), context: exchange.context(for: caller),
                    expectedVersion: expected,
                    sideRows: [DeviceAccessRows.change(of: id, to: nil, changes)].compactMap { $0 },
                    fingerprint: key?.fingerprint), to: id)
        }
        if account != nil || changes.type != nil || changes.limits != nil { await credentials.changed(device: id) }
        return try await answer(id, after: receipt)
    }

    /// Changes the device and its place in the registry with it: its serial number there, and its account if one is
    /// given, which must be active at that instant. All of it happens or nothing.
    private func move(
        _ id: String, to account: AccountID?, _ changes: Changes, _ command: JointCommand, _ expected: Int64?
    ) async throws(Problem) -> CommandReceipt {
        let device = devices.member(id)
        let target = try account.map { (account) throws(Problem) in try member(account, command.context.scope) }
        let members: [any JointMember] = target.map { [device, $0] } ?? [device]
        do throws(JointError<Problem>) {
            let receipt = try await JointDecisions(store: store).perform(command, with: members) {
                joint throws(Problem) in
                let version = joint.version(of: device)
                if let expected, expected != version { throw .stale(version: version) }
                if let account, let target, joint.state(of: target).status == .unopened {
                    throw AccountStandings.unknown(account)
                }
                let before = joint.state(of: device)
                let rows = [
                    DeviceSerialRows.deletion(of: id),
                    DeviceSerialRows.insertion(
                        of: changes.serial ?? before.serial, in: (account ?? before.account).rawValue, device: id),
                    DeviceAccessRows.change(of: id, to: account, changes),
                ].compactMap { $0 }
                do throws(DispatchError<Device.Rejection>) {
                    if let account, let target {
                        let isActive = joint.state(of: target).status == .active
                        try joint.send(
                            .assign(AccountStanding(id: account, isActive: isActive)), to: device,
                            sideRows: rows + [
                                PostgresCommandOutbox.end(of: id), PostgresFirmwareLedger.departure(of: id),
                            ])
                    }
                    if changes != Changes() { try joint.send(.update(changes), to: device, sideRows: rows) }
                } catch {
                    throw Problem(error)
                }
            }
            if let own = receipt.receipts[device.stream] { return own }
        } catch {
            throw Problem(error)
        }
        throw .internalFailure(cause: "a joint command left no receipt for \(device.stream)")
    }

    private func member(_ account: AccountID, _ scope: AccountScope) throws(Problem) -> Member<Account> {
        let member = accounts.accounts.member(account.rawValue)
        guard StreamName(member.stream.description) != nil, scope.includes(account) else {
            throw AccountStandings.unknown(account)
        }
        return member
    }
}
