import Aggregates
import HTTPTypes
import Projections
import Runtime
import Workflows

/// The one place where the errors of the modules behind become answers in HTTP.
extension Problem {
    init(_ error: DispatchError<Device.Rejection>) {
        switch error {
        case .rejected(let rejection): self = Problem(rejection)
        default: self = Problem(undecided: error)
        }
    }

    init(_ error: DispatchError<Account.Rejection>) {
        switch error {
        case .rejected(let rejection): self = Problem(rejection)
        default: self = Problem(undecided: error)
        }
    }

    init(_ error: DispatchError<Alert.Rejection>) {
        switch error {
        case .rejected(let rejection): self = Problem(rejection)
        default: self = Problem(undecided: error)
        }
    }

    init(_ error: DispatchError<Rollout.Rejection>) {
        switch error {
        case .rejected(let rejection): self = Problem(rejection)
        default: self = Problem(undecided: error)
        }
    }

    init(_ rejection: Device.Rejection) {
        switch rejection {
        case .unknownDevice: self = .noDevice
        case .alreadyRegistered: self = .conflict("already-registered", "A device with this id is registered already.")
        case .retired: self = .conflict("device-retired", "The device is retired; register a new one.")
        case .unknownCredential: self = .noCredential
        case .tooManyCredentials:
            self = .conflict(
                "too-many-credentials",
                "The device has \(Device.keyLimit) keys and certificates; revoke one of them first.")
        case .certificateExpired(let time): self = .certificateExpired(time)
        case .configurationMoved(let version): self = .stale(version: version)
        case .unknownCommand: self = .noCommand
        case .tooManyCommands:
            self = .conflict(
                "too-many-commands",
                "\(IssuedCommands.mostOpen) commands to the device are open; wait for one to end, or cancel one.")
        case .commandEnded(let status):
            self = .conflict("command-ended", "The command has come to its end: \(status.rawValue).")
        case .quarantined: self = .conflict("device-quarantined", "The device is quarantined; release it first.")
        case .accountNotActive(let id):
            self = .conflict("account-not-active", "The account \(id) is not active: activate it, or choose another.")
        case .malformed(let field, let reason): self = .malformed(field, "\(field) \(reason).")
        }
    }

    init(_ rejection: Account.Rejection) {
        switch rejection {
        case .unknownAccount: self = .noAccount
        case .alreadyOpen: self = .conflict("account-exists", "An account with this id exists already.")
        case .closed: self = .conflict("account-closed", "The account is closed for good; open a new one.")
        case .unknownMailbox: self = .noMailbox
        case .unknownClaimCode: self = .noClaimCode
        case .claimRefused: self = .claimRefused
        case .malformed(let field, let reason): self = .malformed(field, "\(field) \(reason).")
        }
    }

    init(_ rejection: Alert.Rejection) {
        switch rejection {
        case .unknownAlert: self = .noAlert
        case .cleared: self = .conflict("alert-cleared", "The alert is cleared; there is nothing left to acknowledge.")
        case .malformed(let field, let reason): self = .malformed(field, "\(field) \(reason).")
        }
    }

    init(_ rejection: Rollout.Rejection) {
        switch rejection {
        case .unknownRollout: self = .noRollout
        case .alreadyCreated: self = .conflict("rollout-exists", "A rollout with this id exists already.")
        case .notInRollout(let device), .notOpened(let device), .deviceEnded(let device, _):
            self = .conflict("not-under-way", "The device \(device) is not under way in this rollout.")
        case .groupOutOfOrder(let next): self = .conflict("group-out-of-order", "Group \(next) comes next.")
        case .paused: self = .conflict("rollout-paused", "The rollout is paused; resume it first.")
        case .aborted: self = .conflict("rollout-aborted", "The rollout was aborted for good; start a new one.")
        case .finished: self = .conflict("rollout-finished", "The rollout is finished; start a new one.")
        case .unfinished: self = .conflict("rollout-unfinished", "Some devices have not come to an end.")
        case .malformed(let field, let reason): self = .malformed(field, "\(field) \(reason).")
        }
    }

    init(_ error: JointError<Problem>) {
        switch error {
        case .refused(let problem): self = problem
        case .reused: self = .keyReused
        case .contended: self = Problem(undecided: DispatchError<Device.Rejection>.contended)
        case .overloaded: self = Problem(undecided: DispatchError<Device.Rejection>.overloaded)
        case .invalid(let reason): self = Problem(undecided: DispatchError<Device.Rejection>.invalid(reason: reason))
        case .unavailable(let reason):
            self = Problem(undecided: DispatchError<Device.Rejection>.unavailable(reason: reason))
        case .broken(let reason): self = Problem(undecided: DispatchError<Device.Rejection>.broken(reason: reason))
        }
    }

    /// Of an error that is no rejection.
    init<Rejection>(undecided error: DispatchError<Rejection>) {
        let cause = String(describing: error)
        switch error {
        case .rejected: self = .internalFailure(cause: cause)
        case .stale(let version): self = .stale(version: version)
        case .reused: self = .keyReused
        case .invalid:
            self = .malformed(nil, "The request holds a text that cannot be stored, such as a null character.")
        case .overloaded: self = .unavailable("There is too much to do right now.", retryAfter: 1, cause: cause)
        case .fenced, .contended:
            self = .unavailable("Others keep changing the same; nothing was done.", retryAfter: 1, cause: cause)
        case .unavailable: self = .unavailable("The event store cannot be reached.", retryAfter: 5, cause: cause)
        case .broken: self = .internalFailure(cause: cause)
        }
    }

    init(_ error: EventStoreError) {
        switch error {
        case .invalid: self = .malformed(nil, error.description)
        case .unavailable, .closed:
            self = .unavailable(error.description, retryAfter: 5, cause: error.debugDescription)
        case .overloaded: self = .unavailable(error.description, retryAfter: 1, cause: error.debugDescription)
        case .corrupt: self = .internalFailure(cause: error.debugDescription)
        case .retained(let version): self = .retained(through: version)
        }
    }

    init(_ error: QueryError) {
        switch error {
        case .unavailable(let reason):
            self = .unavailable("The views cannot be read right now.", retryAfter: 5, cause: reason)
        case .timedOut: self = .timeout
        }
    }

    init(_ error: RebuildError) {
        switch error {
        case .unknownProjection: self = .notFound("There is no projection with this name.")
        case .unknownEntity: self = .notFound("Neither the log nor the view knows this id.")
        case .alreadyOpen:
            self = .conflict("rebuild-open", "A rebuild of this view has not ended: resume it, or cancel it.")
        case .nothingOpen: self = .conflict("no-rebuild", "No rebuild of this view is in a state for that.")
        case .tooManyStuck(let count): self = .conflict("too-many-stuck", "\(count) entities are stuck in the view.")
        case .noPrevious: self = .conflict("no-previous", "The view has no previous generation.")
        case .disturbed: self = .conflict("disturbed", "Somebody else is changing the view; try again.")
        case .newerDefinition:
            self = .conflict("newer-definition", "A newer server keeps this view; ask that one, or upgrade this one.")
        case .retained(let version): self = .retained(through: version)
        case .lossy:
            self = .conflict(
                "lossy-rebuild",
                "Telemetry has left the log, and what the live view has kept of it cannot be made again. "
                    + "Say \"acceptLoss\": true if it may go; the live rows stay as the previous generation.")
        case .lacksEvents:
            self = .conflict(
                "lossy-swap-back",
                "Telemetry has left the log that the previous generation has not taken in, and would be missing in it. "
                    + "Say \"acceptLoss\": true if it may be; the live rows stay as the previous generation.")
        case .unreadable(let position, let reason):
            self = .conflict("unreadable-event", "The event at position \(position) cannot be taken in: \(reason)")
        case .unavailable(let reason):
            self = .unavailable("The views cannot be changed right now.", retryAfter: 5, cause: reason)
        }
    }

    init(_ error: LedgerError) {
        switch error {
        case .unavailable(let reason):
            self = .unavailable("Notifications cannot be read right now.", retryAfter: 5, cause: reason)
        }
    }

    init(_ error: TokenStoreError) {
        switch error {
        case .unavailable(let reason):
            self = .unavailable("Tokens cannot be checked right now.", retryAfter: 5, cause: reason)
        }
    }

    init(_ error: DeviceKeysError) {
        switch error {
        case .unavailable(let reason):
            self = .unavailable("Keys cannot be checked right now.", retryAfter: 5, cause: reason)
        }
    }

    static let noDevice = Problem.notFound("There is no device with this id.")
    static let noDeviceThen = Problem.notFound("There was no device with this id then, in an account that you may see.")
    static let noCommand = Problem.notFound("The device was given no command with this id, or it is long over.")
    static let noCredential = Problem.notFound("The device has no valid key of this number.")
    static let noAccount = Problem.notFound("There is no account with this id.")
    static let noAlert = Problem.notFound("There is no alert with this id.")
    static let noRollout = Problem.notFound("There is no rollout with this id.")
    static let noWorkflow = Problem.notFound("There is no workflow with this name.")
    static let noStoppedInstance = Problem.notFound("The workflow has no stopped instance with this key.")
    static let noIsolatedStream = Problem.notFound("There is no isolated stream with this name.")
    static let noDeviceType = Problem.notFound("The account has no device type with this name, or not this version.")
    static let noClaimCode = Problem.notFound("The account has no claim code with this id.")
    /// Whatever is wrong with a code: who does not have one learns nothing.
    static let claimRefused = Problem(
        .forbidden, "claim-refused", "This code claims nothing", "Ask the account's operator for a code that is valid.")
    static let noMailbox = Problem.notFound("The account has no mailbox with this name.")
    static let noDelivery = Problem.notFound("The notification has no delivery to a mailbox with this name.")
    static let noNotification = Problem.notFound("There is no notification with this id.")
    static let noEvent = Problem.notFound("There is no event with this id.")
    static let noStream = Problem.notFound("There is no stream with this name.")
}
