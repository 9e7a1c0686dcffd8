import Runtime
import Testing

/// Given these events, when this command, then those events or this rejection.
struct Specification<D: Decider> where D.Event: Equatable {
    var state = D.initial

    static func given(_ events: D.Event..., at time: Timestamp = .noon) -> Specification {
        var specification = Specification()
        for event in events { D.evolve(&specification.state, with: event, observedAt: time) }
        return specification
    }

    func and(_ event: D.Event, at time: Timestamp) -> Specification {
        var specification = self
        D.evolve(&specification.state, with: event, observedAt: time)
        return specification
    }

    func when(_ command: D.Command, at time: Timestamp = .noon, scope: AccountScope = .all) -> Outcome {
        let context = CommandContext(time: time, principal: .user("ada"), scope: scope)
        do throws(D.Rejection) {
            return Outcome(result: .success(try D.decide(command, in: state, context: context)))
        } catch {
            return Outcome(result: .failure(error))
        }
    }

    struct Outcome {
        let result: Result<[D.Event], D.Rejection>

        func then(_ events: D.Event..., at location: SourceLocation = #_sourceLocation) {
            #expect(result == .success(events), sourceLocation: location)
        }

        func thenNothing(at location: SourceLocation = #_sourceLocation) {
            #expect(result == .success([]), sourceLocation: location)
        }

        func thenRejected(_ rejection: D.Rejection, at location: SourceLocation = #_sourceLocation) {
            #expect(result == .failure(rejection), sourceLocation: location)
        }
    }
}

extension Timestamp {
    static let noon = Timestamp("2026-11-21T12:00:00Z") ?? Timestamp(microseconds: 0)
}
