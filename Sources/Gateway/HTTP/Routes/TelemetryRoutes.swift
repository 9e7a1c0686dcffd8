import Aggregates
import HTTPTypes
import Hummingbird
import Metrics
import Runtime

/// Readings by HTTP, from the device itself: the same commands as by MQTT, answered after their events are committed.
struct TelemetryRoutes: Sendable {
    let devices: Directory<Device>
    let catalog: TelemetryCatalog?
    let authenticator: DeviceAuthenticator
    /// What a device may send if its type says nothing else; nobody is limited if nil.
    let limit: DeviceLimit?
    let allowance = ReadingAllowance()
    let metrics: any MetricsFactory

    var all: [Route] { [.device(.post, "/api/v1/events", bodyLimit: TelemetryLimits.bytes, record)] }

    private func record(
        _ exchange: Exchange, _ claim: DeviceClaim, _ named: ProvenDevice?
    ) async throws(Problem) -> Response {
        try exchange.query.allow("device_id")
        let payload = try exchange.telemetry()
        let events = Result { () throws(MalformedPayload) in try TelemetryPayload.events(of: payload) }
        let device: String
        switch events {
        case .success(let events): device = try await self.device(named: events.devices, claim, named).id
        case .failure(let fault):
            // Whoever is named by the body alone has nothing recorded, since it cannot be read.
            guard let named else { throw Problem(fault) }
            device = named.id
        }
        try await charge(device, bytes: payload.count)
        let message = try message(of: device, payload, exchange, events.map(\.readings))
        let results = await devices.send([(device, message.envelopes)]).first ?? []
        switch MessageVerdict(results, fault: message.fault) {
        case .recorded, .duplicate:
            return try await answer(results, receiptFor: message.wantsReceipt ? device : nil)
        case .malformed(let fault): throw Problem(fault)
        case .invalid(let reason):
            _ = await devices.send([(device, [message.refusal(reason, fence: nil)])])
            throw .malformed(nil, "The message holds a text that cannot be stored, such as a null character.")
        case .quarantined:
            _ = await devices.send([(device, [message.refusal(MessageVerdict.quarantineReason, fence: nil)])])
            throw Problem(Device.Rejection.quarantined)
        case .refused(let reason): throw .conflict("device-refused", "Nothing was recorded: \(reason).")
        case .unknownDevice: throw .deviceUnauthorized
        case .park(let reason), .retry(let reason):
            throw .unavailable("The readings cannot be stored right now.", retryAfter: 1, cause: reason)
        case .fenced: throw .internalFailure(cause: "a message without a fence was fenced")
        }
    }

    /// - Throws: 429 if the device sends too much.
    private func charge(_ device: String, bytes: Int) async throws(Problem) {
        guard let limit else { return }
        // Whoever cannot be recalled cannot be sent anything either, and is answered there.
        guard let state = try? await devices.recall(device).state else { return }
        let type = catalog?.current.limits[DeviceTypeName(account: state.account, type: state.type)]
        if let wait = allowance.take(device, bytes: bytes, limit.overridden(by: state.limits, type: type)) {
            throw .tooManyReadings(retryAfter: wait)
        }
    }

    /// - Parameter ids: those that the body names.
    private func device(
        named ids: Set<String>, _ claim: DeviceClaim, _ named: ProvenDevice?
    ) async throws(Problem) -> ProvenDevice {
        if let named {
            guard ids.isSubset(of: [named.id]) else { throw .foreignDevice }
            return named
        }
        guard let id = ids.first else { throw .deviceUnauthorized }
        guard ids.count == 1 else { throw .foreignDevice }
        return try await authenticator.prove(claim, is: id)
    }

    private func message(
        of device: String, _ payload: [UInt8], _ exchange: Exchange, _ readings: Result<[Reading], MalformedPayload>
    ) throws(Problem) -> TelemetryMessage {
        let key = try IdempotencyKey(exchange, of: .device(device))
        let id = UUID128.v7()
        // Without a key each request is a message of its own, unless its readings have seq or ts.
        let stamp =
            key?.delivery
            ?? DeliveryStamp(generation: Int64(bitPattern: id.high), earlier: [], number: Int64(bitPattern: id.low))
        return TelemetryMessage(
            from: device, ReceivedMessage(topic: "POST /api/v1/events", payload: payload, packetID: 0), stamp: stamp,
            receivedTime: exchange.time, fence: nil, schemas: catalog?.current, readings)
    }

    private func answer(
        _ results: [CommandResult<Device>], receiptFor device: String?
    ) async throws(Problem) -> Response {
        let receipts = results.compactMap { try? $0.get() }
        let recorded = receipts.filter { $0.effect == .recorded }.count
        var answer = TelemetryAnswer(recorded: recorded, duplicates: receipts.count - recorded)
        if let device, let memory = try? await devices.recall(device) { answer.receipt = Receipt(memory.state) }
        for (outcome, count) in [("recorded", answer.recorded), ("duplicate", answer.duplicates)] where count > 0 {
            Counter(label: "fleetlog_http_readings_total", dimensions: [("outcome", outcome)], factory: metrics)
                .increment(by: count)
        }
        return try .json(answer, headers: .position(of: receipts))
    }
}

/// What came of the readings of a request; all of them are in the log.
private struct TelemetryAnswer: Encodable {
    var recorded: Int
    var duplicates: Int
    /// If it was asked for.
    var receipt: Receipt?
}

extension Problem {
    fileprivate init(_ fault: MalformedPayload) {
        self = Problem(
            .badRequest, "malformed-telemetry", "The readings cannot be understood", "\(fault.reason): \(fault.advice)."
        )
    }
}
