import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// Many devices of one account in one request: each is registered or refused by itself.
extension DeviceRoutes {
    private static let most = 1_000

    private struct Candidate {
        var place: Int
        var id: String
        var key: DeviceKey
        var envelope: (AccountStanding, StreamVersion) -> CommandEnvelope<Device.Command>
    }

    func registerBatch(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        guard exchange.header(.idempotencyKey) == nil else {
            throw .malformed(
                "Idempotency-Key", "A batch takes no key: sent again, it is refused where its serials are taken.")
        }
        var fields = try RequestFields(exchange)
        guard let items = try fields.optionalFieldsList("devices"), (1...Self.most).contains(items.count) else {
            throw .malformed("devices", "devices must be an array of 1 to \(Self.most) objects.")
        }
        let account = try fields.optionalText("account").map { AccountID($0) } ?? caller.homeAccount
        try fields.finish(known: "account, devices")
        let wanted = items.map { item in
            Result { () throws(Problem) in
                var item = item
                return try Registration(&item, account)
            }
        }
        var answers = try await refusals(wanted, account)
        var candidates: [Candidate] = []
        for (place, wish) in wanted.enumerated() where answers[place] == nil {
            guard case .success(let registration) = wish else { continue }
            candidates.append(try candidate(registration, place, exchange, caller))
        }
        let results = try await register(candidates, account, caller)
        // Where nothing was stored the whole may come again; else each says for itself.
        if !results.contains(where: { if case .success = $0 { true } else { false } }) {
            for case .failure(let error) in results where Problem(error).status == .serviceUnavailable {
                throw Problem(error)
            }
        }
        for (candidate, result) in zip(candidates, results) {
            let serial = (try? wanted[candidate.place].get().serial) ?? ""
            switch result {
            case .success:
                answers[candidate.place] = .init(serial: serial, id: candidate.id, apiKey: candidate.key.text)
            case .failure(let error):
                let problem = await problem(error, serial, account)
                answers[candidate.place] = .init(serial: serial, problem: problem)
            }
        }
        let registered = answers.compactMap { $0?.id }
        if !registered.isEmpty { await credentials.changed(devices: registered) }
        return try .json(
            ListAnswer(items: answers.compactMap { $0 }, next: nil),
            headers: .position(of: results.compactMap { try? $0.get() }))
    }

    /// What can be refused without asking the devices: what is malformed, and serial numbers that are taken.
    private func refusals(
        _ wanted: [Result<Registration, Problem>], _ account: AccountID
    ) async throws(Problem) -> [BatchAnswer?] {
        let held: [String: String]
        do throws(QueryError) {
            held = try await serials.numbers.holders(of: wanted.compactMap { try? $0.get().serial }, in: account)
        } catch {
            throw Problem(error)
        }
        var given: Set<String> = []
        return wanted.map { wish in
            switch wish {
            case .failure(let problem): return BatchAnswer(serial: nil, problem: problem)
            case .success(let registration):
                let serial = registration.serial
                if let holder = held[serial] { return BatchAnswer(serial: serial, problem: .serialTaken(by: holder)) }
                guard given.insert(serial).inserted else {
                    return BatchAnswer(
                        serial: serial,
                        problem: .conflict("serial-taken", "The serial number is given twice in this request."))
                }
                return nil
            }
        }
    }

    private func candidate(
        _ registration: Registration, _ place: Int, _ exchange: Exchange, _ caller: Caller
    ) throws(Problem) -> Candidate {
        let (id, commandID, key) = (ResourceID.random(), UUID128.v7(), DeviceKey.random())
        let context = exchange.context(for: caller)
        let rows = [
            DeviceCredentialRows.firstKey(key.hash, of: id, registration),
            DeviceSerialRows.insertion(
                of: registration.serial, in: registration.account.id.rawValue, device: id),
        ]
        return Candidate(place: place, id: id, key: key) { standing, fence in
            var registration = registration
            registration.account = standing
            return CommandEnvelope(
                id: commandID, .register(registration), context: context, fence: fence, sideRows: rows)
        }
    }

    /// All of them in one go; those that were stored before the account moved are known by their command's id.
    private func register(
        _ candidates: [Candidate], _ account: AccountID, _ caller: Caller
    ) async throws(Problem) -> [CommandResult<Device>] {
        if candidates.isEmpty { return [] }
        return try await accounts.withStanding(of: account, scope: caller.scope) {
            standing, fence throws(DispatchError<Device.Rejection>) in
            let results = await devices.send(candidates.map { ($0.id, [$0.envelope(standing, fence)]) })
                .map { $0.first ?? .failure(.unavailable(reason: "no answer")) }
            for case .failure(let error) in results {
                switch error {
                case .fenced, .rejected(.accountNotActive): throw error
                default: continue
                }
            }
            return results
        }
    }

    private func problem(
        _ error: DispatchError<Device.Rejection>, _ serial: String, _ account: AccountID
    ) async -> Problem {
        // Somebody else may have come first since the table was asked.
        if case .invalid = error, let holder = try? await serials.numbers.holders(of: [serial], in: account)[serial] {
            return .serialTaken(by: holder)
        }
        return Problem(error)
    }
}

/// What became of one device of a batch.
private struct BatchAnswer: Encodable {
    struct Refusal: Encodable {
        var type: String
        var status: Int
        var detail: String
        var field: String?
    }

    var serial: String?
    var id: String?
    var apiKey: String?
    var problem: Refusal?

    init(serial: String, id: String, apiKey: String) {
        self.serial = serial
        self.id = id
        self.apiKey = apiKey
    }

    init(serial: String?, problem: Problem) {
        self.serial = serial
        self.problem = Refusal(
            type: "urn:fleetlog:problem:\(problem.kind)", status: problem.status.code, detail: problem.detail,
            field: problem.field)
    }
}
