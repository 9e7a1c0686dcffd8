package import Runtime

package struct RolloutCreated: Sendable, Codable, Equatable {
    package var plan: RolloutPlan

    package init(plan: RolloutPlan) { self.plan = plan }
}

/// The devices `first ..< first + count` of the plan are due.
package struct RolloutGroupOpened: Sendable, Codable, Equatable {
    /// From 0.
    package var group: Int
    package var first: Int
    package var count: Int

    package init(group: Int, first: Int, count: Int) {
        self.group = group
        self.first = first
        self.count = count
    }
}

package struct RolloutDevicesNotified: Sendable, Codable, Equatable {
    package var devices: [String]

    package init(devices: [String]) { self.devices = devices }
}

package struct RolloutDeviceProgressed: Sendable, Codable, Equatable {
    package enum Stage: String, Sendable, Codable {
        case downloading
        case installing
    }
    package var device: String
    package var stage: Stage

    package init(device: String, stage: Stage) {
        self.device = device
        self.stage = stage
    }
}

package struct RolloutDeviceSucceeded: Sendable, Codable, Equatable {
    package var device: String

    package init(device: String) { self.device = device }
}

package struct RolloutDeviceFailed: Sendable, Codable, Equatable {
    package var device: String
    /// From 1.
    package var attempt: Int
    package var reason: String
    /// Whether the device has another attempt.
    package var isFinal: Bool

    package init(device: String, attempt: Int, reason: String, isFinal: Bool) {
        self.device = device
        self.attempt = attempt
        self.reason = reason
        self.isFinal = isFinal
    }
}

package struct RolloutDeviceTimedOut: Sendable, Codable, Equatable {
    package var device: String
    package var attempt: Int
    package var isFinal: Bool

    package init(device: String, attempt: Int, isFinal: Bool) {
        self.device = device
        self.attempt = attempt
        self.isFinal = isFinal
    }
}

package struct RolloutDeviceRetried: Sendable, Codable, Equatable {
    package var device: String
    package var attempt: Int

    package init(device: String, attempt: Int) {
        self.device = device
        self.attempt = attempt
    }
}

package struct RolloutPaused: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) { self.reason = reason }
}

package struct RolloutResumed: Sendable, Codable, Equatable {
    package init() {}
}

/// Devices that have not come to an end are cancelled.
package struct RolloutAborted: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) { self.reason = reason }
}

package struct RolloutFinished: Sendable, Codable, Equatable {
    package init() {}
}

extension Rollout {
    package static let codec = EventCodec<Event>([
        .init("RolloutCreated", wrap: Event.created) { if case .created(let fact) = $0 { fact } else { nil } },
        .init("RolloutGroupOpened", wrap: Event.groupOpened) {
            if case .groupOpened(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDevicesNotified", wrap: Event.devicesNotified) {
            if case .devicesNotified(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDeviceProgressed", wrap: Event.deviceProgressed) {
            if case .deviceProgressed(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDeviceSucceeded", wrap: Event.deviceSucceeded) {
            if case .deviceSucceeded(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDeviceFailed", wrap: Event.deviceFailed) {
            if case .deviceFailed(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDeviceTimedOut", wrap: Event.deviceTimedOut) {
            if case .deviceTimedOut(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutDeviceRetried", wrap: Event.deviceRetried) {
            if case .deviceRetried(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutPaused", wrap: Event.paused) { if case .paused(let fact) = $0 { fact } else { nil } },
        .init("RolloutResumed", wrap: Event.resumed) { if case .resumed(let fact) = $0 { fact } else { nil } },
        .init("RolloutAborted", wrap: Event.aborted) { if case .aborted(let fact) = $0 { fact } else { nil } },
        .init("RolloutFinished", wrap: Event.finished) { if case .finished(let fact) = $0 { fact } else { nil } },
    ])
}
