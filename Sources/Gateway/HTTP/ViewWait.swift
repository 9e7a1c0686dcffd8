import HTTPTypes
package import Projections

/// Reading one's own write: a read of a view may name a position, and is answered when the view has come to it.
///
/// Whoever waits holds no connection to the database, and is woken by the view's own progress.
package struct ViewWait: Sendable {
    private let progress: ViewProgress
    private let limit: Duration

    /// The views that a route reads, by its path. What a device has measured is shown to whom `devices` says it belongs.
    private static let views = [
        "/api/v1/devices": ["devices"], "/api/v1/devices/{id}": ["devices"],
        "/api/v1/accounts": ["accounts"], "/api/v1/accounts/{id}": ["accounts"],
        "/api/v1/alerts": ["alerts"], "/api/v1/alerts/{id}": ["alerts"],
        "/api/v1/rollouts": ["rollouts"], "/api/v1/rollouts/{id}": ["rollouts"],
        "/api/v1/rollouts/{id}/devices": ["rollouts", "rollout-devices"],
        "/api/v1/metrics/{metric}": ["telemetry", "devices"],
        "/api/v1/devices/{id}/rolling": ["telemetry", "devices"],
        "/api/v1/devices/{id}/states": ["states", "devices"],
        "/api/v1/fleet": FleetOverview.views, "/api/v1/dashboard/devices": ["devices"],
        "/api/v1/dashboard/metrics": ["devices"], "/api/v1/dashboard/alerts": ["alerts"],
    ]

    package init(_ progress: ViewProgress, atMost limit: Duration) {
        self.progress = progress
        self.limit = limit
    }

    /// Waits as the request asks for, takes that out of it, and notes how far the views have come before they are asked.
    func wait(for exchange: inout Exchange, by route: Route) async throws(Problem) {
        guard route.method == .get, let views = Self.views[route.path] else { return }
        try await wait(for: &exchange, until: views)
        exchange.viewPosition = views.map { progress.position(of: $0) }.min()
    }

    private func wait(for exchange: inout Exchange, until views: [String]) async throws(Problem) {
        let asked = exchange.query.removeValue(of: "position")
        guard let text = asked ?? exchange.header(.position) else { return }
        guard let position = Int64(text), position >= 0 else {
            let field = asked == nil ? "Fleetlog-Position" : "position"
            throw .malformed(field, "\(field) must be a position, as an answer to a write gave it.")
        }
        let start = ContinuousClock.now
        for view in views {
            let left = max(.zero, limit - (ContinuousClock.now - start))
            guard await progress.hasReached(position, in: view, within: left) else {
                throw .viewBehind(view, at: progress.position(of: view), wanted: position)
            }
        }
        exchange.awaitedPosition = position
    }
}

extension Problem {
    static func viewBehind(_ view: String, at position: Int64, wanted: Int64) -> Problem {
        Problem(
            .serviceUnavailable, "view-behind", "The view has not come so far",
            "The view \(view) is at position \(position), not yet at \(wanted): try again, or read without a position.",
            field: "position", headers: [.retryAfter: "1", .position: "\(position)"])
    }
}
