import Aggregates
import Runtime

extension MessageVerdict {
    /// What became of a firmware report.
    init(_ result: CommandResult<Rollout>) {
        switch result {
        case .success(let receipt): self = receipt.effect == .recorded ? .recorded(readings: 0) : .duplicate
        case .failure(.fenced): self = .fenced
        case .failure(.unavailable(let reason)): self = .retry(reason: reason)
        case .failure(.overloaded): self = .park(reason: "overloaded")
        case .failure(.contended), .failure(.stale): self = .park(reason: "contended")
        case .failure(.broken(let reason)): self = .park(reason: "broken: \(reason)")
        case .failure(.invalid(let reason)): self = .refused(reason: reason)
        // Messages have no fingerprint.
        case .failure(.reused): self = .duplicate
        case .failure(.rejected(let rejection)): self = .refused(reason: Self.reason(of: rejection))
        }
    }

    private static func reason(of rejection: Rollout.Rejection) -> String {
        switch rejection {
        case .unknownRollout: "there is no such rollout"
        case .notInRollout: "the device is not part of the rollout"
        case .notOpened: "the device is not due yet in the rollout"
        case .deviceEnded(_, let state): "the rollout has the device as \(state.rawValue) already"
        case .aborted: "the rollout was aborted"
        case .finished: "the rollout is finished"
        case .malformed(let field, let reason): "\(field) \(reason)"
        case .alreadyCreated, .groupOutOfOrder, .paused, .unfinished: "the rollout does not take it"
        }
    }
}
