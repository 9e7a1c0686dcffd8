import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// What a device may send, and who says so. `PATCH` of the device changes its own part.
struct LimitRoutes: Sendable {
    let devices: DeviceRoutes
    let catalog: TelemetryCatalog?
    /// The server's own; nil if the broker's guard is not fed by it.
    let standard: DeviceLimit?

    var all: [Route] { [.guarded(.get, "/api/v1/devices/{id}/limits", needs: .readFleet, read)] }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let state = try await devices.latest(of: exchange.parameter("id"), caller).state
        let type = catalog?.current.limits[DeviceTypeName(account: state.account, type: state.type)]
        return try .json(
            LimitsAnswer(
                device: state.limits, type: type,
                effective: standard.map { MessageLimits($0.overridden(by: state.limits, type: type)) }))
    }
}

private struct LimitsAnswer: Encodable {
    var device: MessageLimits?
    var type: MessageLimits?
    /// Absent if nothing is limited.
    var effective: MessageLimits?
}

extension MessageLimits {
    fileprivate init(_ limit: DeviceLimit) {
        self.init(
            messagesPerMinute: Int(limit.messagesPerMinute), messageBurst: Int(limit.messageBurst),
            bytesPerSecond: Int(limit.bytesPerSecond), byteBurst: Int(limit.byteBurst),
            excess: limit.action == .drop ? .drop : .disconnect)
    }
}
