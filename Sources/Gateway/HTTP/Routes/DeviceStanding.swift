import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// Whether a device takes part: quarantined, released, retired.
extension DeviceRoutes {
    func quarantine(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let rows = [QuarantineRows.insertion(of: id), PostgresFirmwareLedger.departure(of: id)]
        return try await perform(exchange, caller, with: rows) { .quarantine(reason: $0) }
    }

    func release(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let rows = [QuarantineRows.deletion(of: exchange.parameter("id"))]
        return try await perform(exchange, caller, with: rows) { .release(reason: $0) }
    }

    /// For good. The serial number is free again.
    func retire(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let rows = [
            DeviceCredentialRows.deletion(of: id), DeviceSerialRows.deletion(of: id), QuarantineRows.deletion(of: id),
            PostgresCommandOutbox.end(of: id), PostgresFirmwareLedger.departure(of: id),
        ]
        return try await perform(exchange, caller, with: rows) { .retire(reason: $0) }
    }

    private func perform(
        _ exchange: Exchange, _ caller: Caller, with sideRows: [SideRow],
        _ command: (_ reason: String) -> Device.Command
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let reason = try fields.optionalText("reason") ?? ""
        try fields.finish(known: "reason")
        _ = try await memory(of: id, caller)
        let receipt = try await send(
            CommandEnvelope(
                id: key?.commandID ?? .v7(), command(reason), context: exchange.context(for: caller),
                expectedVersion: expected, sideRows: sideRows, fingerprint: key?.fingerprint), to: id)
        // Also if there was nothing to do: the broker may have missed it the first time.
        await credentials.changed(device: id)
        return try await answer(id, after: receipt)
    }
}
