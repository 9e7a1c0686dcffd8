package import Runtime

/// The record of administrative acts in the log: `administration-<account>` for what concerns one account, and
/// `administration-_installation` for all else.
package struct Administration: Sendable {
    package static let category = "administration"

    /// Who acts, and by which request if it came as one.
    package struct Context: Sendable {
        var principal: Principal
        var account: AccountID
        var time: Timestamp
        var correlationID: UUID128?
        var traceParent: String?

        package init(
            by principal: Principal, for account: AccountID = .installation, at time: Timestamp = .now(),
            correlationID: UUID128? = nil, traceParent: String? = nil
        ) {
            self.principal = principal
            self.account = account
            self.time = time
            self.correlationID = correlationID
            self.traceParent = traceParent
        }
    }

    private let facts: Facts

    package init(store: any EventStore) { facts = Facts(store: store) }

    /// Records an act, and rows that belong to it in the same transaction.
    ///
    /// - Returns: the event's id, and its position.
    @discardableResult
    package func record(
        _ act: AdministrativeAct, _ context: Context, cause: UUID128? = nil, sideRows: [SideRow] = []
    ) async throws(EventStoreError) -> (id: UUID128, position: Int64) {
        let fact: EventCodec<AdministrativeAct>.Encoded
        do throws(EventCodecError) {
            fact = try AdministrativeAct.codec.encode(act)
        } catch {
            throw .invalid(reason: "no JSON of an act", sqlState: nil)
        }
        let event = NewEvent(
            id: .v7(), type: fact.type, schemaVersion: fact.schemaVersion, class: fact.eventClass,
            observedTime: context.time, data: fact.data,
            metadata: EventMetadata(
                principal: context.principal, account: context.account, commandID: .v7(), causationID: cause,
                correlationID: context.correlationID, traceParent: context.traceParent))
        let stream = StreamName(category: Self.category, id: context.account.rawValue)
        let receipt = try await facts.append([(stream, event)], sideRows: sideRows).receipt
        return (event.id, receipt.firstPosition)
    }

    /// Records an act, does it, and records the end that it has come to if that is a failure, or `ended` is given.
    package func perform<Value>(
        _ act: AdministrativeAct, _ context: Context, ended: AdministrativeAct.Kind? = nil,
        _ work: () async throws -> Value
    ) async throws -> Value {
        let begun = try await record(act, context).id
        let value: Value
        do {
            value = try await work()
        } catch {
            await recordFailure(of: act, context, cause: begun)
            throw error
        }
        if let ended { try await record(AdministrativeAct(ended, act.about), context, cause: begun) }
        return value
    }

    /// As far as the log takes it: that the act was begun is recorded already.
    func recordFailure(of act: AdministrativeAct, _ context: Context, cause: UUID128) async {
        let about = AdministrativeAct.About(act.about.subject, ["act": act.kind.rawValue])
        _ = try? await record(AdministrativeAct(.actFailed, about), context, cause: cause)
    }
}
