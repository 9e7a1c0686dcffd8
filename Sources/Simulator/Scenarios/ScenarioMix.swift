/// How large a part of the fleet plays which scenario.
package struct ScenarioMix: Sendable, Equatable {
    /// Shares relative to each other; what is absent is not played.
    package var shares: [ScenarioName: Double]

    package init(_ shares: [ScenarioName: Double]) { self.shares = shares }

    package static let standard = ScenarioMix([
        .normal: 70, .burst: 4, .late: 6, .clockSkew: 5, .duplicates: 5, .silent: 2, .fire: 2, .leak: 2, .battery: 4,
    ])

    /// For a look at the page: something to see with a few devices already, and nobody who keeps still for long but the
    /// silent ones.
    package static let showcase = ScenarioMix([
        .normal: 80, .clockSkew: 4, .duplicates: 4, .silent: 2, .fire: 2, .leak: 4, .battery: 4,
    ])

    /// One scenario for every device.
    package static func only(_ name: ScenarioName) -> ScenarioMix { ScenarioMix([name: 1]) }

    /// Gives each device its scenario: every scenario is played at least once if there are devices enough, by
    /// devices of a type that shows it.
    func assign(to types: [SensorType]) -> [ScenarioName] {
        let played = ScenarioName.allCases.filter { (shares[$0] ?? 0) > 0 }
        let rest = played.max { (shares[$0] ?? 0) < (shares[$1] ?? 0) } ?? .normal
        let total = played.reduce(0) { $0 + (shares[$1] ?? 0) }
        var scenarios = [ScenarioName?](repeating: nil, count: types.count)
        // Rare stories first, so that they find the few devices that suit them.
        for name in played.filter({ $0 != rest }).sorted(by: { ($0.suits != nil ? 0 : 1) < ($1.suits != nil ? 0 : 1) })
        {
            let share = (shares[name] ?? 0) / total * Double(types.count)
            for _ in 0..<max(1, Int(share.rounded())) {
                let free = scenarios.indices.filter { scenarios[$0] == nil }
                guard free.count > 1 || played.count == 1 else { break }
                let index = free.first { name.suits == nil || types[$0] == name.suits } ?? free.first
                if let index { scenarios[index] = name }
            }
        }
        return scenarios.map { $0 ?? rest }
    }
}
