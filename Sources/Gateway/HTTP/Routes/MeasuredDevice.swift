import Aggregates
import Projections
import Runtime

/// What an answer about a device's readings depends on of the device, as it is or was.
struct MeasuredDevice: Sendable {
    var account: AccountID
    var defined: [String: MetricDefinition]
    var reported: Set<String>
    /// How far its stream had come, as far as is known.
    var version: Int64
    /// Nil if nothing is known of it.
    var order: Order?
    /// Whether events behind that are none of its business.
    var isPast: Bool

    /// How far its readings are out of order at most, of those up to a version of its stream.
    struct Order: Sendable {
        var version: Int64
        /// How long before another that is recorded before it one was made.
        var late: Duration
        /// How long after it was recorded one was made.
        var ahead: Duration
    }

    func includes(_ event: RecordedEvent) -> Bool { !isPast || event.version <= version }

    /// Whether its type knows such a metric, or it has reported one since it came to its account. Of one that it reported
    /// before there may be answers all the same, for those who may see them.
    func has(_ isWanted: (String) -> Bool) -> Bool {
        defined.keys.contains(where: isWanted) || reported.contains(where: isWanted)
    }
}

extension DeviceRoutes {
    /// - Throws: ``Problem/noDevice`` if it is not in the caller's scope, ``Problem/noDeviceThen`` if it was not.
    func measured(
        _ id: String, by catalog: TelemetryCatalog?, asOf position: Int64?, _ caller: Caller
    ) async throws(Problem) -> MeasuredDevice {
        guard let position else {
            guard let row = try await row(id, scope: caller.scope) else { throw .noDevice }
            let schemas = catalog?.current ?? .readyMade
            return MeasuredDevice(
                account: row.account, defined: schemas.metrics(of: row.type, account: row.account),
                reported: Set(row.readings.keys), version: row.version, order: row.order, isPast: false)
        }
        let memory = try await past(id, at: .position(position), caller)
        let (account, type) = (memory.state.account, memory.state.type)
        // What the account had said of the type by then.
        let past: PastMemory<Account>
        do throws(DispatchError<Account.Rejection>) {
            past = try await accounts.accounts.recall(account.rawValue, at: .position(position))
        } catch {
            throw Problem(undecided: error)
        }
        var schemas = TelemetrySchemas.readyMade
        if case .stood(let owner) = past, let schema = owner.state.deviceTypes[type.rawValue] {
            schemas = schemas.defining(type, schema, in: account)
        }
        let present: DeviceRow?
        do throws(QueryError) {
            // What holds of all readings holds of those of then.
            present = try await queries.device(id, scope: .all)
        } catch {
            throw Problem(error)
        }
        return MeasuredDevice(
            account: account, defined: schemas.metrics(of: type, account: account),
            reported: Set(memory.state.readings.keys), version: memory.version,
            order: present?.order, isPast: true)
    }
}

extension DeviceRow {
    fileprivate var order: MeasuredDevice.Order? {
        guard let readingOrder else {
            // A row of before. Those that may be dated anew are flagged.
            guard lateCount == 0, flaggedCount == 0 else { return nil }
            return MeasuredDevice.Order(version: version, late: .zero, ahead: ReadingSearch.furthestAhead)
        }
        return MeasuredDevice.Order(
            version: version, late: .microseconds(readingOrder.late), ahead: .microseconds(readingOrder.ahead))
    }
}
