import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// Devices: list, read, register, change, quarantine, release, retire.
struct DeviceRoutes: Sendable {
    let store: any EventStore
    let devices: Directory<Device>
    let accounts: AccountStandings
    let serials: DeviceSerials
    let queries: any FleetQueries
    let credentials: any CredentialChanges
    let past: PastQuestion

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/devices", needs: .readFleet, shows: .devices, list),
            .guarded(.post, "/api/v1/devices", needs: .manageDevices, register),
            .guarded(.post, "/api/v1/devices/batch", needs: .manageDevices, registerBatch),
            .guarded(.get, "/api/v1/devices/{id}", needs: .readFleet, shows: .device, read),
            .guarded(.patch, "/api/v1/devices/{id}", needs: .manageDevices, change),
            .guarded(.post, "/api/v1/devices/{id}/quarantine", needs: .manageDevices, quarantine),
            .guarded(.post, "/api/v1/devices/{id}/release", needs: .manageDevices, release),
            .guarded(.post, "/api/v1/devices/{id}/retire", needs: .manageDevices, retire),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(DeviceQuestion.parameters + PastQuestion.parameters)
        let asked = try DeviceQuestion(exchange.query, caller)
        let position = try await past.position(exchange.query)
        let views: any FleetQueries =
            if let position { try await past.views(["devices"], asOf: position) } else { queries }
        let found: [DeviceRow]
        do throws(QueryError) {
            found = try await views.devices(
                scope: asked.scope, where: asked.filter, in: asked.order, after: asked.place, limit: asked.limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(asked.limit)
        for account in Set(rows.map(\.account)) { exchange.shows(of: account) }
        let next =
            found.count > asked.limit
            ? rows.last.map { DeviceCursor.encode($0.place(in: asked.order), in: asked.order) } : nil
        return try .json(
            ListAnswer(items: rows.map { DeviceAnswer($0) }, next: next),
            headers: exchange.positionHeader(asOf: position))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(PastQuestion.parametersOfOne)
        if let point = try await past.point(exchange.query) { return try await readPast(exchange, caller, point) }
        guard let row = try await row(exchange.parameter("id"), scope: caller.scope) else { throw .noDevice }
        if let stuck = row.stuckPosition, stuck <= exchange.awaitedPosition {
            throw .viewBehind(DevicesProjection.name, at: stuck - 1, wanted: exchange.awaitedPosition)
        }
        exchange.shows(device: row.id, of: row.account)
        return try await answer(DeviceAnswer(row), to: exchange)
    }

    private func readPast(
        _ exchange: Exchange, _ caller: Caller, _ point: PointInTime
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let memory = try await past(id, at: point, caller)
        let registered = try await store.firstEvent(of: Device.category, id, missing: .noDevice).recordedTime
        let row = DeviceRow(id: id, memory, registeredTime: registered, lastSeenTime: nil)
        exchange.shows(device: row.id, of: row.account)
        return try memory.answer(DeviceAnswer(row), to: exchange)
    }
}

extension Exchange {
    func shows(device id: String, of account: AccountID) { shows("\(Device.category)-\(id)", of: account) }
}

extension DeviceRoutes {
    func send(_ envelope: CommandEnvelope<Device.Command>, to id: String) async throws(Problem) -> CommandReceipt {
        do throws(DispatchError<Device.Rejection>) {
            return try await devices.send(envelope, to: id)
        } catch {
            throw Problem(error)
        }
    }

    /// The view's row; for a device so new that the view does not know it, the one with which the view will begin.
    func row(_ id: String, scope: AccountScope) async throws(Problem) -> DeviceRow? {
        guard StreamName("device-\(id)") != nil else { return nil }
        let known: DeviceRow?
        do throws(QueryError) {
            known = try await queries.device(id, scope: .all)
        } catch {
            throw Problem(error)
        }
        if let known, scope.includes(known.account) { return known }
        // For one that the view knows as another's no less is asked than for one that is not there.
        guard try await isKnown(id, to: scope), known == nil,
            let row = try await store.firstRow(of: DevicesProjection.self, id, missing: .noDevice),
            scope.includes(row.account)
        else { return nil }
        return row
    }

    /// Whether the device ever belonged to an account in scope. Who may not know of it learns nothing by what an answer
    /// costs: this is asked before anything is done for it, and no actor is woken.
    private func isKnown(_ id: String, to scope: AccountScope) async throws(Problem) -> Bool {
        guard let stream = StreamName("device-\(id)") else { return false }
        // Whoever may see all has nothing to learn.
        return if case .all = scope { true } else { try await store.shows(stream, to: scope) }
    }

    /// The device as it was, if it then was one that the caller may know of.
    func past(_ id: String, at point: PointInTime, _ caller: Caller) async throws(Problem) -> AggregateMemory<Device> {
        guard try await isKnown(id, to: caller.scope) else { throw .noDevice }
        return try await devices.past(id, at: point, for: caller, missing: .noDeviceThen)
    }

    /// The device as its actor here remembers it, if it is one that the caller may know of; for what a command is sent to
    /// next. Where the actor is behind what another server has stored, the command finds out.
    func memory(of id: String, _ caller: Caller) async throws(Problem) -> AggregateMemory<Device> {
        guard try await isKnown(id, to: caller.scope) else { throw .noDevice }
        do throws(DispatchError<Device.Rejection>) {
            let memory = try await devices.recall(id)
            if memory.isDevice(in: caller.scope) { return memory }
        } catch {
            throw Problem(error)
        }
        // Another server may have registered it meanwhile, or moved it to the caller.
        return try await latest(of: id, caller)
    }

    /// The device with what other servers have stored, if it is one that the caller may know of; for answers.
    func latest(of id: String, _ caller: Caller) async throws(Problem) -> AggregateMemory<Device> {
        guard try await isKnown(id, to: caller.scope) else { throw .noDevice }
        do throws(DispatchError<Device.Rejection>) {
            let memory = try await devices.recallLatest(id)
            if memory.isDevice(in: caller.scope) { return memory }
        } catch {
            throw Problem(error)
        }
        throw .noDevice
    }

    /// The device as a command has left it.
    func answer(
        _ id: String, after receipt: CommandReceipt, status: HTTPResponse.Status = .ok, apiKey: String? = nil
    ) async throws(Problem) -> Response {
        let memory = try await devices.recall(id, after: receipt)
        let registered = try await store.firstEvent(of: Device.category, id, missing: .noDevice).recordedTime
        var device = DeviceAnswer(DeviceRow(id: id, memory, registeredTime: registered, lastSeenTime: nil))
        device.apiKey = apiKey
        var headers = HTTPFields.after(receipt)
        if status == .created { headers[.location] = "/api/v1/devices/\(id)" }
        return try .json(device, status: status, headers: headers)
    }

    private func answer(_ device: DeviceAnswer, to exchange: Exchange) async throws(Problem) -> Response {
        let tag = EntityTag(version: device.version)
        var headers: HTTPFields = [.eTag: tag.description]
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: headers) }
        headers.append(contentsOf: exchange.positionHeader())
        return try .json(device, headers: headers)
    }
}

extension AggregateMemory<Device> {
    fileprivate func isDevice(in scope: AccountScope) -> Bool {
        state.status != .unregistered && scope.includes(state.account)
    }
}
