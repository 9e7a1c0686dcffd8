import Aggregates
import Runtime

/// What became of one message, worked out from the answers to its commands.
enum MessageVerdict: Sendable, Equatable {
    case recorded(readings: Int)
    case duplicate
    case malformed(MalformedPayload)
    /// The device said no; `reason` goes back to it.
    case refused(reason: String)
    /// The device is kept out: that it sent something is noted, what it said is not.
    case quarantined
    case unknownDevice
    /// The actor could not take it now.
    case park(reason: String)
    /// The log can never take it.
    case invalid(reason: String)
    case retry(reason: String)
    case fenced

    /// The worst answer decides: a message is settled as a whole or not at all, and repeating a command is harmless.
    init(_ results: some Sequence<CommandResult<Device>>, fault: MalformedPayload?) {
        var verdict = fault.map(Self.malformed) ?? .duplicate
        for result in results {
            let next = Self(result)
            switch (verdict, next) {
            case (.recorded(let sum), .recorded(let more)): verdict = .recorded(readings: sum + more)
            default: if next.severity > verdict.severity { verdict = next }
            }
        }
        self = verdict
    }

    private init(_ result: CommandResult<Device>) {
        switch result {
        case .success(let receipt): self = receipt.effect == .recorded ? .recorded(readings: 1) : .duplicate
        case .failure(.fenced): self = .fenced
        case .failure(.unavailable(let reason)): self = .retry(reason: reason)
        case .failure(.overloaded): self = .park(reason: "overloaded")
        case .failure(.contended), .failure(.stale): self = .park(reason: "contended")
        case .failure(.broken(let reason)): self = .park(reason: "broken: \(reason)")
        case .failure(.invalid(let reason)): self = .invalid(reason: reason)
        // Messages have no fingerprint.
        case .failure(.reused): self = .duplicate
        case .failure(.rejected(.unknownDevice)): self = .unknownDevice
        case .failure(.rejected(.retired)): self = .refused(reason: "the device is retired")
        case .failure(.rejected(.quarantined)): self = .quarantined
        case .failure(.rejected(.configurationMoved)): self = .refused(reason: "the configuration has changed")
        case .failure(.rejected(.accountNotActive)): self = .refused(reason: "the account is not active")
        case .failure(.rejected(.alreadyRegistered)): self = .refused(reason: "the device is registered already")
        case .failure(.rejected(.unknownCredential)), .failure(.rejected(.tooManyCredentials)),
            .failure(.rejected(.certificateExpired)):
            self = .refused(reason: "it has to do with keys")
        case .failure(.rejected(.unknownCommand)): self = .refused(reason: "there is no such command")
        case .failure(.rejected(.tooManyCommands)), .failure(.rejected(.commandEnded)):
            self = .refused(reason: "it has to do with commands")
        case .failure(.rejected(.malformed(let field, let reason))): self = .refused(reason: "\(field) \(reason)")
        }
    }

    static let quarantineReason = "the device is quarantined"

    private var severity: Int {
        switch self {
        case .duplicate: 0
        case .recorded: 1
        case .malformed: 2
        case .refused: 3
        case .quarantined: 4
        case .unknownDevice: 5
        case .invalid: 6
        case .park: 7
        case .retry: 8
        case .fenced: 9
        }
    }
}
