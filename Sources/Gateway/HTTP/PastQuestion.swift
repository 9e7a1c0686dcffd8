import HTTPTypes
import Projections
import Runtime

/// Which past a request asks for, where it asks for views: as of a position, or of what the log held at an instant.
struct PastQuestion: Sendable {
    static let parameters = ["asOf", "at"]

    let search: any LogSearch
    let past: any PastViews

    /// The position that the request names; nil if it asks for the present.
    func position(_ query: QueryParameters) async throws(Problem) -> Int64? {
        switch (query["asOf"], query["at"]) {
        case (nil, nil): return nil
        case (let text?, nil):
            guard let position = Int64(text), position >= 0 else {
                throw .malformed("asOf", "asOf must be a position, a number from 0.")
            }
            return position
        case (nil, _?):
            guard let time = try query.time("at") else { return nil }
            do throws(EventStoreError) {
                return try await search.position(at: time)
            } catch {
                throw Problem(error)
            }
        case (_?, _?): throw .malformed("asOf", "Give either asOf or at.")
        }
    }

    func views(
        _ names: [String], asOf position: Int64
    ) async throws(Problem) -> any FleetQueries & FleetOverviewQueries {
        do throws(PastViewError) {
            return try await past.views(names, asOf: position)
        } catch {
            throw Problem(error)
        }
    }
}

extension HTTPFields {
    static func asOf(_ position: Int64) -> HTTPFields { [.position: "\(position)"] }
}

extension Problem {
    init(_ error: PastViewError) {
        switch error {
        case .notReached(let head):
            self = .malformed("asOf", "The log has not come so far; it ends at position \(head).")
        case .retained:
            self = Problem(
                .gone, "retained", "It has left the log",
                "Some of the log has left, so that the views cannot be folded as of the past. Single devices can: ?at=."
            )
        case .beingBuilt:
            self = Problem(
                .serviceUnavailable, "past-being-built", "The past is being folded",
                "The views as of then are being folded from the log; ask again for the same.",
                headers: [.retryAfter: "2"])
        case .tooMany:
            self = Problem(
                .serviceUnavailable, "too-many-pasts", "Too many pasts are asked for",
                "So many past views are kept already; one that nobody asks for goes after ten minutes.",
                headers: [.retryAfter: "60"])
        case .failed(let reason):
            self = Problem(
                .conflict, "past-not-foldable", "The past cannot be folded", "It cannot be shown: \(reason).")
        case .unavailable(let reason):
            self = .unavailable("The past views cannot be read right now.", retryAfter: 5, cause: reason)
        }
    }
}
