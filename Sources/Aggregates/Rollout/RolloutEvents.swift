package import Runtime

/// A rollout of `deviceCount` devices. An event has limited room: `plan` names the first of them, and events
/// ``RolloutDevicesListed`` of the same command the others.
package struct RolloutCreated: Sendable, Codable, Equatable {
    package var plan: RolloutPlan
    package var deviceCount: Int

    package init(plan: RolloutPlan, deviceCount: Int) {
        self.plan = plan
        self.deviceCount = deviceCount
    }
}

/// More devices of the plan, in its order, from place `first`.
package struct RolloutDevicesListed: Sendable, Codable, Equatable {
    package var first: Int
    package var devices: [String]

    package init(first: Int, devices: [String]) {
        self.first = first
        self.devices = devices
    }
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

/// The broker has the firmware message of these devices, which were all scheduled for this attempt.
package struct RolloutDevicesNotified: Sendable, Codable, Equatable {
    package var devices: [String]
    package var attempt: Int

    package init(devices: [String], attempt: Int) {
        self.devices = devices
        self.attempt = attempt
    }
}

package struct RolloutDeviceProgressed: Sendable, Codable, Equatable {
    package var device: String
    package var group: Int
    package var attempt: Int
    package var was: InstallationState
    /// Downloading or installing.
    package var state: InstallationState

    package init(device: String, group: Int, attempt: Int, was: InstallationState, state: InstallationState) {
        self.device = device
        self.group = group
        self.attempt = attempt
        self.was = was
        self.state = state
    }
}

package struct RolloutDeviceSucceeded: Sendable, Codable, Equatable {
    package var device: String
    package var group: Int
    package var attempt: Int
    package var was: InstallationState

    package init(device: String, group: Int, attempt: Int, was: InstallationState) {
        self.device = device
        self.group = group
        self.attempt = attempt
        self.was = was
    }
}

package struct RolloutDeviceFailed: Sendable, Codable, Equatable {
    package var device: String
    package var group: Int
    /// From 1.
    package var attempt: Int
    package var was: InstallationState
    package var reason: String
    /// Whether it was the device's last attempt; otherwise it is scheduled again.
    package var isFinal: Bool

    package init(
        device: String, group: Int, attempt: Int, was: InstallationState, reason: String, isFinal: Bool
    ) {
        self.device = device
        self.group = group
        self.attempt = attempt
        self.was = was
        self.reason = reason
        self.isFinal = isFinal
    }
}

package struct RolloutDeviceTimedOut: Sendable, Codable, Equatable {
    package var device: String
    package var group: Int
    package var attempt: Int
    package var was: InstallationState
    /// Whether it was the device's last attempt; otherwise it is scheduled again.
    package var isFinal: Bool

    package init(device: String, group: Int, attempt: Int, was: InstallationState, isFinal: Bool) {
        self.device = device
        self.group = group
        self.attempt = attempt
        self.was = was
        self.isFinal = isFinal
    }
}

/// The firmware is to be delivered to the device again.
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

/// Events ``RolloutDevicesCancelled`` of the same command name the devices that had not come to an end.
package struct RolloutAborted: Sendable, Codable, Equatable {
    package var reason: String

    package init(reason: String) { self.reason = reason }
}

package struct RolloutDevicesCancelled: Sendable, Codable, Equatable {
    package var devices: [String]

    package init(devices: [String]) { self.devices = devices }
}

package struct RolloutFinished: Sendable, Codable, Equatable {
    package init() {}
}

extension Rollout {
    package static let codec = EventCodec<Event>([
        .init("RolloutCreated", wrap: Event.created) { if case .created(let fact) = $0 { fact } else { nil } },
        .init("RolloutDevicesListed", wrap: Event.devicesListed) {
            if case .devicesListed(let fact) = $0 { fact } else { nil }
        },
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
        .init("RolloutDevicesCancelled", wrap: Event.devicesCancelled) {
            if case .devicesCancelled(let fact) = $0 { fact } else { nil }
        },
        .init("RolloutFinished", wrap: Event.finished) { if case .finished(let fact) = $0 { fact } else { nil } },
    ])
}
