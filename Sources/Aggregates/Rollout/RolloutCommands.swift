package import Runtime

/// A rollout: one firmware version for many devices, group after group.
package enum Rollout: Decider {
    package enum Command: Sendable, Codable, Equatable {
        case create(RolloutPlan)
        /// Opens the group with this number, from 0; nothing if it is open already.
        case openGroup(Int)
        /// The broker has the firmware message of these devices.
        case markNotified([String])
        case report(FirmwareReport)
        /// Delivers the firmware to a device again, as attempt number `attempt`, from 1.
        case retry(device: String, attempt: Int)
        /// Gives up attempt number `attempt` of a device that has not come to an end; nothing if it has.
        case timeOut(device: String, attempt: Int)
        case pause(reason: String)
        case resume
        case abort(reason: String)
        case finish
    }

    package enum Event: Sendable, Equatable {
        case created(RolloutCreated)
        case devicesListed(RolloutDevicesListed)
        case groupOpened(RolloutGroupOpened)
        case devicesNotified(RolloutDevicesNotified)
        case deviceProgressed(RolloutDeviceProgressed)
        case deviceSucceeded(RolloutDeviceSucceeded)
        case deviceFailed(RolloutDeviceFailed)
        case deviceTimedOut(RolloutDeviceTimedOut)
        case deviceRetried(RolloutDeviceRetried)
        case paused(RolloutPaused)
        case resumed(RolloutResumed)
        case aborted(RolloutAborted)
        case devicesCancelled(RolloutDevicesCancelled)
        case finished(RolloutFinished)
    }
}

/// What is to be rolled out, to whom, and when to go on or stop.
package struct RolloutPlan: Sendable, Codable, Equatable {
    package var account: AccountID
    package var version: String
    package var artifact: FirmwareArtifact
    /// Ids, each once; in groups of `groupSize` in this order.
    package var devices: [String]
    package var groupSize: Int
    /// Percent of a group that must have succeeded before the next group is opened.
    package var successThreshold: Int
    /// Percent of a group that may fail; more pauses the rollout.
    package var errorThreshold: Int
    /// Attempts a device has, from 1.
    package var attempts: Int
    /// How long a notified device may go without coming to an end, in seconds.
    package var deviceTimeout: Int

    package init(
        account: AccountID, version: String, artifact: FirmwareArtifact, devices: [String], groupSize: Int,
        successThreshold: Int, errorThreshold: Int, attempts: Int = 3, deviceTimeout: Int = 3_600
    ) {
        self.account = account
        self.version = version
        self.artifact = artifact
        self.devices = devices
        self.groupSize = groupSize
        self.successThreshold = successThreshold
        self.errorThreshold = errorThreshold
        self.attempts = attempts
        self.deviceTimeout = deviceTimeout
    }
}

package struct FirmwareArtifact: Sendable, Codable, Hashable {
    package var url: String
    /// 64 hexadecimal digits.
    package var sha256: String

    package init(url: String, sha256: String) {
        self.url = url
        self.sha256 = sha256
    }
}

/// What a device says about an installation on `devices/{d}/firmware/status`.
package struct FirmwareReport: Sendable, Codable, Equatable {
    package enum Status: String, Sendable, Codable {
        case downloading
        case installing
        /// The device runs `version`, which is the new one or, if it fell back, the old one.
        case succeeded
        case failed
    }
    package var device: String
    package var status: Status
    package var version: String
    package var detail: String?

    package init(device: String, status: Status, version: String, detail: String? = nil) {
        self.device = device
        self.status = status
        self.version = version
        self.detail = detail
    }
}
