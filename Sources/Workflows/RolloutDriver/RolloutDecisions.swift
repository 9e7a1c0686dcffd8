package import Runtime

/// The group has become due by what the one before has come to.
package struct RolloutGroupDue: Sendable, Codable, Equatable {
    package var group: Int

    package init(group: Int) { self.group = group }
}

package struct RolloutStopped: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) { self.reason = reason }
}

package struct RolloutCompleted: Sendable, Codable, Equatable {
    package init() {}
}

extension RolloutDriver {
    package static let codec = EventCodec<Decision>([
        .init("RolloutGroupDue", wrap: Decision.groupDue) { if case .groupDue(let fact) = $0 { fact } else { nil } },
        .init("RolloutStopped", wrap: Decision.stopped) { if case .stopped(let fact) = $0 { fact } else { nil } },
        .init("RolloutCompleted", wrap: Decision.completed) {
            if case .completed(let fact) = $0 { fact } else { nil }
        },
    ])
}
