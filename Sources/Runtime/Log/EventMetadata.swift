/// Who caused an event, why, and in which account.
package struct EventMetadata: Sendable, Hashable {
    package var principal: Principal
    package var account: AccountID
    /// The command that the event answers; a redelivered command is recognised by it.
    package var commandID: UUID128
    /// The event or command that led directly to this one.
    package var causationID: UUID128?
    /// Shared by everything that follows from one outside request.
    package var correlationID: UUID128?
    /// W3C Trace Context `traceparent`.
    package var traceParent: String?

    package init(
        principal: Principal, account: AccountID, commandID: UUID128, causationID: UUID128? = nil,
        correlationID: UUID128? = nil, traceParent: String? = nil
    ) {
        self.principal = principal
        self.account = account
        self.commandID = commandID
        self.causationID = causationID
        self.correlationID = correlationID
        self.traceParent = traceParent
    }
}
