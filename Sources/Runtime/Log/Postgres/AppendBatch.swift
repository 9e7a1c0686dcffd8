/// A batch of appends as the parameters of ``AppendStatements/append``, and the answers read back from its row.
package struct AppendBatch: Sendable {
    let appends: [Append]
    package let mark: KnownVersions.Mark
    /// The append itself, encoded: if each claim is known and nobody else appends, without anything about the claims.
    private var encoded = EncodedParameters([])
    /// Whether it fails if the head is not where it is expected.
    private(set) var isCertain = false
    /// The statements behind the append.
    private var following: [BoundStatement] = []
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
        isCertain = known.isCalm && isKnown.allSatisfy(\.self)
        encoded = EncodedParameters(isCertain ? Array(events.dropFirst()) : parameters)
        for (index, append) in appends.enumerated() {
            for row in append.sideRows { following.append(row.statement.bind([.int4(Int32(index))] + row.parameters)) }
        }
        if let remembering = AcceptanceStatements.insertion(of: appends) { following.append(remembering) }
        following.append(Statement.commit())
    }

    /// All statements of the batch's transaction.
    ///
    /// - Parameters:
    ///   - head: where the head is expected, from ``KnownVersions/expectedHead(for:)``.
    ///   - isBehind: whether the batch before it is to find the head there, and this one where that one leaves it.
    package func statements(expecting head: Int64?, behindAnother isBehind: Bool = false) -> [BoundStatement] {
        [Statement.begin()] + appending(expecting: head, isBehind) + following
    }

    private func appending(expecting head: Int64?, _ isBehind: Bool) -> [BoundStatement] {
        if isCertain, let head {
            let place = encoded.adding(.int8(head), .bool(isBehind))
            return [BoundStatement(statement: AppendStatements.appendKnown, parameters: place)]
        }
        return [
            // No head is at -1.
            AppendStatements.lockHead(.int8(head ?? -1), .bool(isBehind)),
            BoundStatement(
                statement: AppendStatements.append, parameters: isCertain ? EncodedParameters(parameters) : encoded),
        ]
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

    private var parameters: [PostgresValue] {
        [
            .textArray(claims.map(\.stream.description)), .int8Array(claims.map(\.version)),
            .boolArray(isKnown), .int4Array(links.appends), .int8Array(links.claims),
        ] + events + [
            .int8Array(claimPositions), .boolArray(claimsOnTelemetry), .int8(claimPositions.min() ?? 0),
            .int8(zip(claimPositions, claimsOnTelemetry).lazy.filter(\.1).map(\.0).min() ?? .max),
        ]
    }

    /// For each event the number of its append, then the columns.
    private var events: [PostgresValue] {
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
            .int4Array(append), .textArray(streams), .textArray(categories), .int8Array(version), .uuidArray(ids),
            .textArray(types), .int4Array(schemaVersion), .textArray(accounts), .timestampArray(observed),
            .textArray(principals), .uuidArray(commandIDs), .nullableUUIDArray(causationIDs),
            .nullableUUIDArray(correlationIDs), .nullableTextArray(traces), .jsonArray(data),
            .int4Array(classes),
        ]
    }

    /// The answers, and where the head was found and left.
    struct Answer: Sendable {
        var outcomes: [AppendOutcome]
        var found: Int64
        var left: Int64
    }

    /// The answer to each append, from the row of the statement that has appended them.
    ///
    /// - Parameter statements: of which the results are.
    func answer(from results: [Rows], of statements: [BoundStatement]) throws(PostgresError) -> Answer {
        guard let index = statements.firstIndex(where: \.appends), index < results.count else {
            throw .misuse("the batch was answered in part")
        }
        guard let row = results[index].first else { throw .misuse("the append statement answered without a row") }
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
