import HTTPTypes
import Projections
import Runtime

/// Which past a request asks for: of views, as of a position or of what the log held at an instant; of one aggregate, at a
/// version too.
struct PastQuestion: Sendable {
    static let parameters = ["asOf", "at"]
    static let parametersOfOne = parameters + ["version"]

    let store: any EventStore
    let search: any LogSearch
    let past: any PastViews

    /// The position that the request names; nil if it asks for the present.
    func position(_ query: QueryParameters) async throws(Problem) -> Int64? {
        switch (query["asOf"], query["at"]) {
        case (nil, nil): return nil
        case (let text?, nil): return try await position(text)
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

    /// The point in the life of an aggregate that the request names; nil if it asks for the present.
    func point(_ query: QueryParameters) async throws(Problem) -> PointInTime? {
        guard let text = query["asOf"] else { return try query.pointInTime() }
        guard query["at"] == nil, query["version"] == nil else {
            throw .malformed("asOf", "Give one of asOf, at and version.")
        }
        return .position(try await position(text))
    }

    /// The instant of the past that the request asks for.
    func time(of position: Int64, _ exchange: Exchange) async throws(Problem) -> Timestamp {
        if let time = try exchange.query.time("at") { return min(time, exchange.time) }
        return try await recordedTime(of: position) ?? exchange.time
    }

    /// When the log came to a position; nil for the position of an empty one.
    func recordedTime(of position: Int64) async throws(Problem) -> Timestamp? {
        do throws(EventStoreError) {
            let page = try await store.readLog(after: max(0, position - 1), where: .everything, limit: 1)
            return page.events.first?.recordedTime
        } catch {
            throw Problem(error)
        }
    }

    func position(_ text: String) async throws(Problem) -> Int64 {
        guard let position = Int64(text), position >= 0 else {
            throw .malformed("asOf", "asOf must be a position, a number from 0.")
        }
        let head: Int64
        do throws(EventStoreError) {
            head = try await store.head().position
        } catch {
            throw Problem(error)
        }
        guard position <= head else { throw Problem(PastViewError.notReached(head: head)) }
        return position
    }

    /// - Parameter stream: all that the views hold if nil.
    func views(
        _ names: [String], of stream: StreamName? = nil, asOf position: Int64
    ) async throws(Problem) -> any ViewQueries {
        do throws(PastViewError) {
            return try await past.views(names, of: stream, asOf: position)
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
                """
                Some of what the view would be folded from has left the log. A single device, account, alert or rollout \
                can still be read as it was, with at.
                """)
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
