package import Runtime

/// The views as they were when the log ended at a position.
package protocol PastViews: Sendable {
    /// Only these views can then be asked; of a stream, only what they hold of it.
    ///
    /// - Parameter stream: the whole views if nil, which costs as much as the whole log.
    /// - Throws: ``PastViewError/beingBuilt`` while they are being folded; asked again, they may be there.
    func views(
        _ names: [String], of stream: StreamName?, asOf position: Int64
    ) async throws(PastViewError) -> any ViewQueries
    /// How the devices in scope differ between two positions, those after `id` if given.
    func difference(
        from: Int64, to: Int64, scope: AccountScope, after id: String?, limit: Int
    ) async throws(PastViewError) -> FleetDifference
}

extension PastViews {
    package func views(_ names: [String], asOf position: Int64) async throws(PastViewError) -> any ViewQueries {
        try await views(names, of: nil, asOf: position)
    }
}

package enum PastViewError: Error, Sendable, Hashable {
    /// The log does not reach so far; this is its last position.
    case notReached(head: Int64)
    /// What they would be folded from has left the log.
    case retained
    case beingBuilt
    /// As many as are kept have been asked for lately.
    case tooMany
    /// It cannot be folded, or takes too long.
    case failed(reason: String)
    case unavailable(reason: String)
}

/// Generations of rows that show their views as of a position.
struct PastGenerations: Sendable, Hashable {
    var position: Int64
    /// By the views' names.
    var numbers: [String: Int32]
}

/// Past views in Postgres: generations of their own beside the live one, which ``PastBuilder`` folds.
package struct PostgresPastViews: PastViews {
    /// How many of a view are kept at once.
    private static let most: Int32 = 8
    /// How many of single streams of a view are kept besides.
    private static let mostOfStreams: Int32 = 32

    private let projections: [any WideProjection.Type]
    let pool: PostgresPool
    private let patience: Duration

    /// - Parameter patience: how long an answer waits until they are folded.
    package init(_ projections: [any WideProjection.Type], pool: PostgresPool, patience: Duration = .seconds(10)) {
        self.projections = projections
        self.pool = pool
        self.patience = patience
    }

    package func views(
        _ names: [String], of stream: StreamName?, asOf position: Int64
    ) async throws(PastViewError) -> any ViewQueries {
        PostgresFleetQueries(pool: pool, past: try await past(names, of: stream, asOf: position))
    }

    func past(
        _ names: [String], of stream: StreamName? = nil, asOf position: Int64
    ) async throws(PastViewError) -> PastGenerations {
        let end = ContinuousClock.now + patience
        do {
            let wanted = try names.map { try projection($0) }
            try await check(wanted, stream, position)
            var past = PastGenerations(position: position, numbers: [:])
            while true {
                for view in wanted where past.numbers[view.name] == nil {
                    past.numbers[view.name] = try await ask(view, stream, position)
                }
                if past.numbers.count == wanted.count {
                    // Something may have left while they were folded.
                    try await check(wanted, stream, position)
                    return past
                }
                guard ContinuousClock.now < end else { throw PastViewError.beingBuilt }
                // Another server may be at it, of which this one hears nothing.
                try await Task.sleep(for: .milliseconds(50))
            }
        } catch let error as PastViewError {
            throw error
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private func projection(_ name: String) throws -> any WideProjection.Type {
        guard let projection = projections.first(where: { $0.name == name }) else {
            throw PastViewError.failed(reason: "there is no view \(name)")
        }
        return projection
    }

    private func check(_ wanted: [any WideProjection.Type], _ stream: StreamName?, _ position: Int64) async throws {
        // A stream of which something has left has a floor, from before that.
        let reach = PastStatements.reach(
            .textArray(Set(wanted.map { $0.category }).sorted()), stream.map { .text($0.description) } ?? .null)
        let rows = try await pool.withConnection { try await $0.query(reach) }
        guard let row = rows.first else { return }
        guard try !row.bool(1) else { throw PastViewError.retained }
        let head = try row.int8(0)
        guard position <= head else { throw PastViewError.notReached(head: head) }
    }

    /// The generation, if it is ready; otherwise it is asked for.
    private func ask(
        _ projection: any WideProjection.Type, _ stream: StreamName?, _ position: Int64
    ) async throws -> Int32? {
        let ask = PastStatements.ask(
            .text(projection.name), .int4(projection.definition), .int8(position),
            .int4(stream == nil ? Self.most : Self.mostOfStreams), .text(stream?.description ?? ""))
        let rows = try await pool.withConnection { try await $0.query(ask) }
        guard let row = rows.first else { throw PastViewError.tooMany }
        switch try row.text(1) {
        case "ready": return try row.int4(0)
        case "failed": throw PastViewError.failed(reason: try row.text(ifPresent: 2) ?? "")
        default: return nil
        }
    }
}
