#if DEBUG
    internal import Glibc
    internal import Synchronization
#endif

/// The places between two steps at which a process can be killed, to see what one that dies there leaves behind.
///
/// Debug builds only: in a release build a call of ``reached(_:if:)`` compiles to nothing.
@usableFromInline package enum Failpoint: String, Sendable, Hashable, CaseIterable {
    // A message on its way into the log, or a command of any other origin.
    /// Commands are decided, and their append is not on its way yet.
    case turnDecided
    /// An append is with the kernel as a whole transaction, as far as the socket took it; nothing of its answer is read.
    case appendSent
    /// Postgres has answered an append, and nobody was told.
    case appendCommitted
    /// Those who wait for the append have been answered.
    case appendAnswered
    /// An actor has adopted what the log accepted, and its commands are not answered yet.
    case turnAdopted
    /// All messages of a round are settled, and no acknowledgement has left.
    case roundSettled
    /// The acknowledgements of a round have left.
    case roundAcknowledged

    // A message that its device cannot take yet.
    /// Messages are parked, and not acknowledged.
    case messagesParked
    /// Parked messages were read, and none of them is applied.
    case parkedRead
    /// A parked message is applied; if no event came of it, it is still there.
    case parkedApplied
    /// A parked message is gone, and those behind it are still there.
    case parkedRemoved

    // A snapshot.
    /// States are encoded, and nothing of them is stored.
    case snapshotEncoded
    /// Snapshots are stored, and those that they make surplus are gone.
    case snapshotStored

    // A page of the log on its way into a view.
    /// A page is folded in memory, in a transaction that has moved the checkpoint only.
    case projectionFolded
    /// Rows and checkpoint are stored, and nobody was told.
    case projectionStored

    // A workflow's step.
    /// Timers were found due, and none has fired.
    case timerDue
    /// A step with decisions is in memory only.
    case workflowDecided
    /// A step with decisions is recorded, and nobody was told of its commands and notifications.
    case workflowRecorded
    /// A step in which timers fired is recorded.
    case timerFired
    /// Commands have been answered by their aggregates, and are still in the outbox.
    case commandSent
    /// Commands have left the outbox.
    case commandMarked

    // A notification.
    /// Deliveries are recorded, and nobody was told.
    case notificationDispatched
    /// An attempt is in the ledger, and nothing was sent.
    case deliveryClaimed
    /// A receiver has taken a notification, and the ledger does not know.
    case deliverySent
    /// Attempts have ended in the ledger too.
    case deliveryMarked

    // What the broker is to hand to a device.
    /// The broker has configurations, and the outbox does not know.
    case configurationPublished
    /// The outbox knows that the broker has configurations.
    case configurationDelivered
    /// The broker has commands of devices; neither their streams nor the outbox know.
    case commandsPublished
    /// The devices' streams say that commands were sent, and the outbox does not know.
    case commandsNoted
    /// The outbox knows that the broker has commands.
    case commandsDelivered

    // Firmware at the broker.
    /// It is written down whose message devices are to have, and the broker has none of them.
    case firmwareHeld
    /// The broker has firmware messages, and their rollout does not know.
    case firmwarePublished
    /// A rollout knows which devices were notified, and delivery has not moved on.
    case firmwareNotified
    /// Delivery has moved on behind what it has done.
    case firmwareMoved
    /// The messages of devices that have ended are gone from the broker, and the ledger still has them.
    case firmwareEnded
    /// The ledger does not have them any more either.
    case firmwareReleased
    /// The messages of devices that have departed are gone from the broker, and nobody knows.
    case withdrawalPublished
    /// Their rollout knows that they have failed, and the ledger still has their messages.
    case withdrawalReported
    /// The ledger does not have them any more, and the departures are to be looked at still.
    case withdrawalReleased
    /// Nothing is left of the departures.
    case withdrawalSettled

    // The seals of the log.
    /// Full blocks and their nodes are stored, and no head covers them.
    case blocksSealed
    /// A head is signed in memory only.
    case headSigned
    /// A head is stored, with the letters about it, and is not in the file of heads.
    case headStored
    /// A head is in the file of heads too.
    case headPublished

    // Telemetry on its way out of the log.
    /// The states at the floors of a page of streams are stored, and none of their events has left.
    case retentionFloorsRaised
    /// It is written down that a partition's events are to be missing, and they are still there.
    case retentionAnnounced
    /// A partition is out of the log, and still a table.
    case retentionDetached
    /// A partition is gone.
    case retentionFinished
    /// A page of events without a class is gone.
    case retentionDeleted

    // A view that is rebuilt beside the live one.
    /// It is written down that a rebuild is to be done, and nothing of it is.
    case rebuildBegun
    /// Events are folded in memory only.
    case rebuildFolded
    /// Rows and checkpoint of the next generation are stored.
    case rebuildStored
    /// The next generation was compared, and still stands beside the live one.
    case rebuildCompared
    /// The next generation has taken over, in a transaction that is not committed.
    case rebuildSwapping
    /// The next generation has taken over, and nobody was told.
    case rebuildSwapped
    /// Some rows of a dropped generation are gone.
    case generationDropping

    // A view as it was.
    /// A past view is folded, and what is in memory of it is not stored.
    case pastFolded
    /// All rows of a past view are stored, and nobody knows that it is whole.
    case pastStored
    /// A past view can be asked, and its builder has not let go of the others.
    case pastReady
    /// The rows of a past view for which nobody asks are gone, and it is still listed.
    case pastDropped

    /// Kills the process if it is armed for this place, the condition holds, and it is the time that was asked for.
    @inlinable package static func reached(_ point: Failpoint, if condition: @autoclosure () -> Bool = true) {
        #if DEBUG
            if condition() { countDown(at: point) }
        #endif
    }
}

/// A failpoint at which this process is to be killed, the first time or a later one.
package struct ArmedFailpoint: Sendable, Hashable {
    package let point: Failpoint
    /// At which time that it is reached, from 1.
    package let count: Int

    /// Reads `deliverySent` or `deliverySent:3`; nil if it is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let point = parts.first.flatMap({ Failpoint(rawValue: String($0)) }) else { return nil }
        let digits = parts.count == 2 ? parts[1] : "1"
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(digits), count > 0 else {
            return nil
        }
        self.point = point
        self.count = count
    }

    /// Nothing comes of it where ``Failpoint/exist`` is false.
    package func arm() {
        #if DEBUG
            Failpoint.arm(self)
        #endif
    }
}

extension Failpoint {
    /// Whether this build has them.
    package static var exist: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }
}

#if DEBUG
    extension Failpoint {
        private static let armed = Mutex<(point: Failpoint, left: Int)?>(nil)

        fileprivate static func arm(_ failpoint: ArmedFailpoint) {
            armed.withLock { $0 = (failpoint.point, failpoint.count) }
        }

        @usableFromInline static func countDown(at point: Failpoint) {
            let isDue = armed.withLock { armed in
                guard armed?.point == point else { return false }
                armed?.left -= 1
                return armed?.left == 0
            }
            if isDue { die(at: point) }
        }

        /// No handler, no flush, no destructor: as `kill -9` does it.
        private static func die(at point: Failpoint) {
            let line =
                #"{"level":"critical","message":"Killed at a failpoint","failpoint":"\#(point.rawValue)"}"# + "\n"
            _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            kill(getpid(), SIGKILL)
        }
    }
#endif
