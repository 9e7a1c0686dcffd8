/// Reads back what the devices were told is taken.
struct Verification: Sendable {
    let api: FleetAPI
    /// How long nothing new may appear before what is missing counts as lost.
    let patience: Duration

    private static let pause = Duration.milliseconds(250)

    func run(_ checks: [StreamCheck]) async throws(SimulationError) -> [ScenarioName: ScenarioResult] {
        var checks = try await advanced(checks)
        var (missing, deadline) = (Self.missing(in: checks), ContinuousClock.now + patience)
        while missing > 0, .now < deadline {
            do { try await Task.sleep(for: Self.pause) } catch { throw .cancelled }
            checks = try await advanced(checks)
            let still = Self.missing(in: checks)
            if still < missing { deadline = .now + patience }
            missing = still
        }
        // One look more at all, since a double comes after its first.
        checks = try await advanced(checks)
        return Dictionary(checks.map { ($0.scenario, $0.result) }, uniquingKeysWith: +)
    }

    private func advanced(_ checks: [StreamCheck]) async throws(SimulationError) -> [StreamCheck] {
        try await checks.inParallel(FleetAPI.requestsAtOnce) { check throws(SimulationError) in
            var check = check
            while true {
                let page = try await api.events(of: check.device, after: check.place)
                check.take(page)
                if page.next == nil { return check }
            }
        }
    }

    private static func missing(in checks: [StreamCheck]) -> Int { checks.reduce(0) { $0 + $1.result.missing } }
}
