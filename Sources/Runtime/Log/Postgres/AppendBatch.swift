/// A batch of appends as the parameters of ``AppendStatements/append``, and the answers read back from its row.
package struct AppendBatch: Sendable {
    let appends: [Append]
    package let mark: KnownVersions.Mark
    /// All statements of the batch's transaction but the lock, encoded.
    private var encoded: [BoundStatement] = []
    private(set) var claims: [StreamVersion] = []
    /// Which of them hold if the head is found where it is expected.
    private(set) var isKnown: [Bool] = []
    /// Where the search for each claim's stream may begin.
    private var claimPositions: [Int64] = []
    /// Whether telemetry can be among each claim's events.
    private var claimsOnTelemetry: [Bool] = []
    private let telemetry: TelemetryTypes
    private var sharedClaims: [StreamVersion: Int64] = [:]
    private var links: (appends: [Int32], claims: [Int64]) = ([], [])

    package init(_ appends: [Append], _ known: inout KnownVersions) {
        self.appends = appends
        telemetry = known.telemetry
        mark = known.beginBatch()
        for (index, append) in appends.enumerated() {
            for condition in append.conditions { link(Int32(index), sharedClaim(condition, known)) }
        }
        for (index, append) in appends.enumerated() {
            for change in append.changes {
                // A batch holds one append a stream, so no other claim can be the same.
                let isKnown = known.claim(change.stream, at: change.expectedVersion, for: mark)
                let wanted = StreamVersion(change.stream, at: change.expectedVersion)
                link(Int32(index), claim(wanted, from: change.knownPosition, isKnown))
            }
        }
        encoded = [AppendStatements.append.bind(parameters)]
        for (index, append) in appends.enumerated() {
            for row in append.sideRows { encoded.append(row.statement.bind([.int4(Int32(index))] + row.parameters)) }
        }
        if let remembering = AcceptanceStatements.insertion(of: appends) { encoded.append(remembering) }
        encoded.append(Statement.commit())
    }

    /// All statements of the batch's transaction.
    ///
    /// - Parameters:
    ///   - head: where the head is expected, from ``KnownVersions/expectedHead(for:)``.
    ///   - isBehind: whether the batch before it is to find the head there, and this one where that one leaves it.
    package func statements(expecting head: Int64?, behindAnother isBehind: Bool = false) -> [BoundStatement] {
        // No head is at -1.
        [Statement.begin(), AppendStatements.lockHead(.int8(head ?? -1), .bool(isBehind))] + encoded
    }

    private mutating func link(_ append: Int32, _ claim: Int64) {
        links.appends.append(append)
        links.claims.append(claim)
    }

    private mutating func claim(_ claim: StreamVersion, from position: Int64 = 0, _ isKnown: Bool) -> Int64 {
        claims.append(claim)
        claimPositions.append(position)
        claimsOnTelemetry.append(telemetry.mayInclude(category: claim.stream.category, type: nil))
        self.isKnown.append(isKnown)
        return Int64(claims.count)
    }

    /// Many appends rest on one claim, such as the ingest generation; it is probed once.
    private mutating func sharedClaim(_ shared: StreamVersion, _ known: KnownVersions) -> Int64 {
        if let number = sharedClaims[shared] { return number }
        let number = claim(shared, known.holds(shared))
        sharedClaims[shared] = number
        return number
    }

    /// Where the answer of ``AppendStatements/append`` lies among the results.
    static let answerIndex = 2

    private var parameters: [PostgresValue] {
        let count = appends.reduce(0) { $0 + $1.eventCount }
        var append: [Int32] = []
        var version: [Int64] = []
        var schemaVersion: [Int32] = []
        var classes: [Int32] = []
        var streams: [String] = []
        var categories: [String] = []
        var types: [String] = []
        var accounts: [String] = []
        var principals: [String] = []
        var traces: [String?] = []
        var ids: [UUID128] = []
        var commandIDs: [UUID128] = []
        var causationIDs: [UUID128?] = []
        var correlationIDs: [UUID128?] = []
        var observed: [Timestamp] = []
        var data: [[UInt8]] = []
        append.reserveCapacity(count)
        version.reserveCapacity(count)
        schemaVersion.reserveCapacity(count)
        classes.reserveCapacity(count)
        streams.reserveCapacity(count)
        categories.reserveCapacity(count)
        types.reserveCapacity(count)
        accounts.reserveCapacity(count)
        principals.reserveCapacity(count)
        traces.reserveCapacity(count)
        ids.reserveCapacity(count)
        commandIDs.reserveCapacity(count)
        causationIDs.reserveCapacity(count)
        correlationIDs.reserveCapacity(count)
        observed.reserveCapacity(count)
        data.reserveCapacity(count)
        for (index, item) in appends.enumerated() {
            for change in item.changes {
                let (stream, category) = (change.stream.description, change.stream.category)
                for (offset, event) in change.events.enumerated() {
                    append.append(Int32(index))
                    streams.append(stream)
                    categories.append(category)
                    version.append(change.expectedVersion + Int64(offset) + 1)
                    ids.append(event.id)
                    types.append(event.type)
                    schemaVersion.append(event.schemaVersion)
                    classes.append(event.eventClass.rawValue)
                    accounts.append(event.metadata.account.rawValue)
                    observed.append(event.observedTime)
                    principals.append(event.metadata.principal.description)
                    commandIDs.append(event.metadata.commandID)
                    causationIDs.append(event.metadata.causationID)
                    correlationIDs.append(event.metadata.correlationID)
                    traces.append(event.metadata.traceParent)
                    data.append(event.data)
                }
            }
        }
        return [
            .textArray(claims.map(\.stream.description)), .int8Array(claims.map(\.version)),
            .boolArray(isKnown), .int4Array(links.appends), .int8Array(links.claims),
            .int4Array(append), .textArray(streams), .textArray(categories), .int8Array(version), .uuidArray(ids),
            .textArray(types), .int4Array(schemaVersion), .textArray(accounts), .timestampArray(observed),
            .textArray(principals), .uuidArray(commandIDs), .nullableUUIDArray(causationIDs),
            .nullableUUIDArray(correlationIDs), .nullableTextArray(traces), .jsonArray(data),
            .int4Array(classes), .int8Array(claimPositions), .boolArray(claimsOnTelemetry),
            .int8(claimPositions.min() ?? 0),
            .int8(zip(claimPositions, claimsOnTelemetry).lazy.filter(\.1).map(\.0).min() ?? .max),
        ]
    }

    /// The answers, and where the head was found and left.
    struct Answer: Sendable {
        var outcomes: [AppendOutcome]
        var found: Int64
        var left: Int64
    }

    /// The answer to each append, from the row of ``AppendStatements/append``.
    func answer(from rows: Rows) throws(PostgresError) -> Answer {
        guard let row = rows.first else { throw .misuse("the append statement answered without a row") }
        let base = try row.int8(0)
        let recordedTime = try row.timestamp(1)
        let inserted = try row.int8(2)
        let refused = Set(try row.int4Array(3))
        let brokenClaims = try row.int8Array(4)
        let actualVersions = try row.int8Array(5)
        let broken = Dictionary(
            zip(brokenClaims.map { claims[Int($0) - 1] }, actualVersions), uniquingKeysWith: { first, _ in first })

        var next = base + 1
        let outcomes = appends.enumerated().map { index, append -> AppendOutcome in
            if refused.contains(Int32(index)) {
                let claims =
                    append.changes.map { StreamVersion($0.stream, at: $0.expectedVersion) } + append.conditions
                return .conflict(
                    claims.compactMap { claim in broken[claim].map { StreamVersion(claim.stream, at: $0) } })
            }
            defer { next += Int64(append.eventCount) }
            return .accepted(
                AppendReceipt(firstPosition: next, eventCount: append.eventCount, recordedTime: recordedTime))
        }
        guard next - base - 1 == inserted else {
            throw .misuse("the log stored \(inserted) events where \(next - base - 1) were accepted")
        }
        return Answer(outcomes: outcomes, found: base, left: base + inserted)
    }
}
