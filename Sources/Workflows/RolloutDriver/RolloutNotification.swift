import Aggregates

/// What people are told about a rollout.
enum RolloutNotification {
    static func stopped(_ rollout: String, because reason: String, _ state: RolloutProgress) -> Notification {
        Notification(
            account: state.account, severity: .warning, type: "fleetlog.rollout.paused.v1",
            subject: "rollout/\(rollout)", title: "The rollout of \(state.version) is paused",
            text: "Rollout \(rollout) of version \(state.version) was paused: \(reason). Resume or abort it.",
            data: data(rollout, state).merging(["reason": reason]) { _, new in new })
    }

    static func finished(_ rollout: String, _ state: RolloutProgress) -> Notification {
        Notification(
            account: state.account, severity: .info, type: "fleetlog.rollout.finished.v1",
            subject: "rollout/\(rollout)", title: "The rollout of \(state.version) is finished",
            text: "Rollout \(rollout) of version \(state.version): \(state.succeeded) of \(state.deviceCount) devices "
                + "have it.",
            data: data(rollout, state))
    }

    private static func data(_ rollout: String, _ state: RolloutProgress) -> [String: String] {
        [
            "rollout": rollout, "version": state.version, "devices": "\(state.deviceCount)",
            "succeeded": "\(state.succeeded)", "failed": "\(state.ended - state.succeeded)",
        ]
    }
}
