import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// The numbers that an account's workflows go by.
struct AccountSettingsRoutes: Sendable {
    let changes: AccountChanges

    private static let path = "/api/v1/accounts/{id}/settings"

    var all: [Route] {
        [
            .guarded(.get, Self.path, needs: .readFleet, shows: .account, read),
            .guarded(.put, Self.path, needs: .configureAccounts, change),
        ]
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        exchange.shows(account: AccountID(exchange.parameter("id")))
        let tag = EntityTag(version: memory.version)
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: [.eTag: tag.description]) }
        return try .json(memory.state.settings, headers: [.eTag: tag.description])
    }

    /// What is left out keeps its value; but a limit without the average at which an alert clears moves that along.
    private func change(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        var fields = try RequestFields(exchange)
        let overheating = try fields.optionalFields("overheating")
        let silence = try fields.optionalFields("silence")
        try fields.finish(known: "overheating, silence")
        let (receipt, _) = try await changes.change(id, exchange, caller) { state throws(Problem) in
            var settings = state.settings
            if var overheating { try settings.overheating.take(&overheating) }
            if var silence { try settings.silence.take(&silence) }
            return .init(command: .changeSettings(settings))
        }
        let memory = try await changes.accounts.recall(id, after: receipt)
        return try .json(memory.state.settings, headers: .after(receipt))
    }
}

extension AccountSettings.Overheating {
    fileprivate mutating func take(_ fields: inout RequestFields) throws(Problem) {
        let limit = try fields.optionalNumber("limit")
        let clear = try fields.optionalNumber("clear")
        self = Self(
            limit: limit ?? self.limit, n: try fields.optionalWholeNumber("n") ?? n,
            seconds: try fields.optionalWholeNumber("seconds") ?? seconds,
            clear: clear ?? (limit == nil ? self.clear : nil))
        try fields.finish(known: "limit, n, seconds, clear")
    }
}

extension AccountSettings.Silence {
    /// Null means each type's own interval.
    fileprivate mutating func take(_ fields: inout RequestFields) throws(Problem) {
        if fields.takeNull("seconds") {
            seconds = nil
        } else if let given = try fields.optionalWholeNumber("seconds") {
            seconds = given
        }
        if let given = try fields.optionalWholeNumber("grace") { grace = given }
        try fields.finish(known: "seconds, grace")
    }
}
