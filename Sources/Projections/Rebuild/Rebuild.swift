package import Runtime

/// The work on the next generation of a view, and what came of it.
package struct Rebuild: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        case running, paused
        /// It cannot go on by itself; `failure` says why. It can be resumed or cancelled.
        case failed
        /// Its generation has taken over.
        case finished
        case cancelled

        /// Whether its generation may still take over.
        package var isOpen: Bool { self == .running || self == .paused || self == .failed }
    }

    package enum Kind: String, Sendable {
        /// From the first event.
        case rebuild
        /// The previous generation is brought up to date, and takes over again.
        case swapBack = "swap-back"
    }

    package enum Cause: String, Sendable {
        case request
        /// The program folds the view in another way than the one that made the live rows.
        case definition
    }

    package var number: Int64
    package var projection: String
    package var generation: Int32
    package var kind: Kind
    package var cause: Cause
    package var definition: Int32
    package var askedBy: String
    /// Events a second; nil for as fast as the machine allows.
    package var eventLimit: Int?
    package var state: State
    package var startedTime: Timestamp
    package var changedTime: Timestamp
    package var progress: RebuildProgress
    /// Nil until it was compared; a view that takes its old place again is not.
    package var comparison: Comparison?
    /// Why it has failed, or was given up by the server; while it runs, what it waits for.
    package var failure: String?

    package init(
        number: Int64, projection: String, generation: Int32, kind: Kind, cause: Cause, definition: Int32,
        askedBy: String, eventLimit: Int?, state: State, startedTime: Timestamp, changedTime: Timestamp,
        progress: RebuildProgress, comparison: Comparison?, failure: String?
    ) {
        self.number = number
        self.projection = projection
        self.generation = generation
        self.kind = kind
        self.cause = cause
        self.definition = definition
        self.askedBy = askedBy
        self.eventLimit = eventLimit
        self.state = state
        self.startedTime = startedTime
        self.changedTime = changedTime
        self.progress = progress
        self.comparison = comparison
        self.failure = failure
    }

    /// What it came to beside the live generation, both as of one position.
    package struct Comparison: Sendable, Hashable {
        package var position: Int64
        package var liveRows: Int64
        package var nextRows: Int64
        package var liveDigest: String
        package var nextDigest: String
        package var differingRows: Int64
        /// The first of the rows that differ.
        package var sample: [RowDifference]

        package init(
            position: Int64, liveRows: Int64, nextRows: Int64, liveDigest: String, nextDigest: String,
            differingRows: Int64, sample: [RowDifference]
        ) {
            self.position = position
            self.liveRows = liveRows
            self.nextRows = nextRows
            self.liveDigest = liveDigest
            self.nextDigest = nextDigest
            self.differingRows = differingRows
            self.sample = sample
        }

        package var isIdentical: Bool { differingRows == 0 }
    }
}

package struct RebuildProgress: Sendable, Hashable {
    package var position: Int64
    /// Where it has to come to.
    package var head: Int64
    /// Events folded.
    package var events: Int64
    /// Events a second, of late.
    package var eventRate: Double
    package var positionRate: Double

    package init(position: Int64, head: Int64, events: Int64, eventRate: Double, positionRate: Double) {
        self.position = position
        self.head = head
        self.events = events
        self.eventRate = eventRate
        self.positionRate = positionRate
    }

    /// Nil while nothing is known about it.
    package var secondsLeft: Double? {
        position >= head ? 0 : positionRate > 0 ? Double(head - position) / positionRate : nil
    }
}

/// One row as the two generations have it, as JSON; nil where there is none.
package struct RowDifference: Sendable, Hashable, Codable {
    package var id: String
    package var live: String?
    package var next: String?

    package init(id: String, live: String?, next: String?) {
        self.id = id
        self.live = live
        self.next = next
    }
}

/// The generations of a view, and the newest rebuild of it.
package struct RebuildStatus: Sendable, Hashable {
    package struct Generation: Sendable, Hashable {
        package enum Role: String, Sendable {
            case live, next
            /// It can take over again.
            case previous
            /// Left from before; goes with the previous one.
            case older
            /// Its rows are being deleted.
            case dropped
        }

        package var number: Int32
        package var role: Role
        package var position: Int64
        package var definition: Int32

        package init(number: Int32, role: Role, position: Int64, definition: Int32) {
            self.number = number
            self.role = role
            self.position = position
            self.definition = definition
        }
    }

    package var name: String
    package var generations: [Generation]
    package var rebuild: Rebuild?

    package init(name: String, generations: [Generation], rebuild: Rebuild? = nil) {
        self.name = name
        self.generations = generations
        self.rebuild = rebuild
    }
}

package enum RebuildError: Error, Sendable, Hashable {
    case unknownProjection
    /// There is neither a stream nor a row with this id.
    case unknownEntity
    /// There is one already that has not ended.
    case alreadyOpen
    /// There is none to which this could be done.
    case nothingOpen
    /// There is no generation to swap back to, or to drop.
    case noPrevious
    /// Somebody else has moved the generation.
    case disturbed
    /// A program of a newer definition keeps the live rows, which this one might spoil.
    case newerDefinition
    /// Events of the stream have left the log, up to this version, so that its rows cannot be made of it.
    case retained(through: Int64)
    /// Events have left the log of which the live rows were made, and nobody has said that those may go.
    case lossy
    /// Events have left the log that the previous generation has not taken in, and nobody has said that it may lack them.
    case lacksEvents
    /// An event that the view's code cannot take in.
    case unreadable(position: Int64, reason: String)
    /// More entities than may be stuck.
    case tooManyStuck(Int)
    case unavailable(reason: String)
}

extension RebuildError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownProjection: "there is no such view"
        case .unknownEntity: "there is nothing with this id"
        case .alreadyOpen: "a rebuild of this view has not ended yet"
        case .nothingOpen: "no rebuild of this view is in a state for that"
        case .noPrevious: "there is no previous generation"
        case .disturbed: "somebody else has moved the generation"
        case .newerDefinition: "a newer server keeps this view: ask that one, or run the newer program"
        case .retained(let version): "events up to version \(version) have left the log"
        case .lossy: "telemetry has left the log, and what the live view has kept of it could not be made again"
        case .lacksEvents:
            "telemetry has left the log that the previous generation has not taken in and would lack for good"
        case .unreadable(let position, let reason): "the event at position \(position) cannot be taken in: \(reason)"
        case .tooManyStuck(let count): "\(count) entities are stuck in it"
        case .unavailable(let reason): reason
        }
    }
}
