import Aggregates
import Hummingbird
import Projections
import Runtime

/// Which devices came, went and changed between two instants.
struct FleetDifferenceRoutes: Sendable {
    let past: PastQuestion

    var all: [Route] { [.guarded(.get, "/api/v1/fleet/diff", needs: .readFleet, shows: .devices, difference)] }

    private func difference(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("from", "to", "account", "after", "limit")
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        let (from, to) = try exchange.query.instants(now: exchange.time)
        let after = try FleetDifferenceCursor.decode(exchange.query["after"])
        let limit = try exchange.query.limit()
        let positions: (from: Int64, to: Int64)
        do throws(EventStoreError) {
            // Further pages are about the same two positions, whatever was written meanwhile.
            positions =
                if let after { (after.from, after.to) } else {
                    (try await past.search.position(at: from), try await past.search.position(at: to))
                }
        } catch {
            throw Problem(error)
        }
        let found: FleetDifference
        do throws(PastViewError) {
            found = try await past.past.difference(
                from: positions.from, to: positions.to, scope: scope, after: after?.id, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let devices = found.devices.prefix(limit)
        for account in Set(devices.flatMap { [$0.from?.account, $0.to?.account] }.compactMap(\.self)) {
            exchange.shows(of: account)
        }
        let next =
            found.devices.count > limit
            ? devices.last.map { FleetDifferenceCursor(from: positions.from, to: positions.to, id: $0.id).text } : nil
        return try .json(
            FleetDifferenceAnswer(
                from: .init(time: from, position: positions.from), to: .init(time: to, position: positions.to),
                counts: .init(found.counts), items: devices.map { .init($0) }, next: next))
    }
}

/// Between which positions a list goes on, and behind which device.
private struct FleetDifferenceCursor {
    let from: Int64
    let to: Int64
    let id: String

    var text: String { ListCursor.encode("\(from):\(to):\(id)", of: "fleet-diff") }

    static func decode(_ text: String?) throws(Problem) -> FleetDifferenceCursor? {
        guard let plain = try ListCursor.decode(text, of: "fleet-diff") else { return nil }
        let parts = plain.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let from = Int64(parts[0]), let to = Int64(parts[1]), 0 <= from, from <= to,
            !plain.utf8.contains(0)
        else { throw .malformed("after", "after must be what an earlier answer gave as next.") }
        return FleetDifferenceCursor(from: from, to: to, id: String(parts[2]))
    }
}

/// How the fleet differs between two instants, as JSON.
private struct FleetDifferenceAnswer: Encodable {
    struct Instant: Encodable {
        var time: Timestamp
        var position: Int64
    }

    struct Counts: Encodable {
        var came: Int64
        var went: Int64
        var account: Int64
        var type: Int64
        var state: Int64
        var connectivity: Int64

        init(_ counts: FleetDifference.Counts) {
            (came, went, account) = (counts.came, counts.went, counts.account)
            (type, state, connectivity) = (counts.type, counts.state, counts.presence)
        }
    }

    struct Face: Encodable {
        var account: AccountID
        var type: String
        var state: String
        var connectivity: String

        init(_ face: FleetDifference.Face) {
            (account, type, state, connectivity) = (face.account, face.type, face.state, face.presence)
        }
    }

    struct Device: Encodable {
        var id: String
        /// Absent if it came.
        var from: Face?
        /// Absent if it went.
        var to: Face?

        init(_ device: FleetDifference.Device) {
            id = device.id
            from = device.from.map { Face($0) }
            to = device.to.map { Face($0) }
        }
    }

    var from: Instant
    var to: Instant
    var counts: Counts
    var items: [Device]
    var next: String?
}
