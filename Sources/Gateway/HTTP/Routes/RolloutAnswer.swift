import Aggregates
import Projections
import Runtime

/// A rollout as JSON.
struct RolloutAnswer: Encodable {
    var id: String
    var account: AccountID
    /// Of the firmware.
    var version: String
    var artifact: FirmwareArtifact
    var state: String
    /// Why it is paused or aborted.
    var reason: String?
    var counts: InstallationCounts
    var deviceCount: Int
    var groups: Int
    var openedGroups: Int
    var groupSize: Int
    var successThreshold: Int
    var errorThreshold: Int
    var attempts: Int
    var deviceTimeout: Int
    var createdTime: Timestamp
    var changedTime: Timestamp
    /// Of the rollout's stream, as in its ETag.
    var streamVersion: Int64

    init(_ row: RolloutRow) {
        id = row.id
        account = row.account
        version = row.firmware
        artifact = row.artifact
        state = row.state.rawValue
        reason = row.reason.isEmpty ? nil : row.reason
        counts = row.counts
        deviceCount = row.counts.total
        groups = row.groups
        openedGroups = row.openedGroups
        groupSize = row.groupSize
        successThreshold = row.successThreshold
        errorThreshold = row.errorThreshold
        attempts = row.attempts
        deviceTimeout = row.deviceTimeout
        createdTime = row.createdTime
        changedTime = row.changedTime
        streamVersion = row.version
    }

    /// A rollout as its aggregate has it, and as its first event has planned it.
    init(_ memory: AggregateMemory<Rollout>, first: RecordedEvent) throws(Problem) {
        var row: RolloutRow?
        do throws(EventCodecError) {
            try RolloutsProjection.evolve(&row, with: first)
        } catch {
            throw .internalFailure(cause: "\(error)")
        }
        guard var row else { throw .noRollout }
        row.changedTime = memory.recordedTime ?? row.changedTime
        self.init(row)
        update(from: memory)
    }

    /// Brings in what the aggregate knows already and the view may not.
    mutating func update(from memory: AggregateMemory<Rollout>) {
        guard memory.version >= streamVersion else { return }
        state = memory.state.status.rawValue
        reason = memory.state.reason.isEmpty ? nil : memory.state.reason
        counts = memory.state.counts
        openedGroups = memory.state.openedGroups
        streamVersion = memory.version
    }
}

/// One device of a rollout as JSON.
struct RolloutDeviceAnswer: Encodable {
    var device: String
    /// From 0.
    var group: Int
    var state: String
    var attempt: Int
    /// Why its last attempt failed.
    var reason: String?
    var changedTime: Timestamp

    init(_ row: RolloutDeviceRow, groupSize: Int) {
        device = row.device
        group = row.place / groupSize
        state = row.state.rawValue
        attempt = row.attempt
        reason = row.reason.isEmpty ? nil : row.reason
        changedTime = row.changedTime
    }
}
