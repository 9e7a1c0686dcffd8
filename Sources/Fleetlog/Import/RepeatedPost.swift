import Foundation
import Runtime

/// A POST that is sent again while nobody answers, or the answer is to come back later.
///
/// What it asks for must not happen twice by that: give an `Idempotency-Key`, or ask for what can happen once only.
struct RepeatedPost: Sendable {
    struct Unanswered: Error, Sendable {
        var reason: String
        var mayHaveArrived: Bool
    }

    var url: String
    var token: String
    var idempotencyKey: String?
    var patience = Duration.seconds(120)
    /// Whether a server that cannot be reached to begin with is waited for.
    var waitsForServer = true

    /// - Returns: an answer that sending again would not change, and whether the request may have been carried out before.
    func send(_ body: Data) async throws -> (answer: BlockingPost.Answer, mayHaveArrivedBefore: Bool) {
        let deadline = ContinuousClock.now + patience
        var backoff = Backoff(first: .milliseconds(200), limit: .seconds(5))
        var mayHaveArrived = false
        while true {
            let reason: String
            do throws(BlockingPost.Failed) {
                let answer = try await BlockingPost.send(body, to: url, token: token, idempotencyKey: idempotencyKey)
                guard [429, 502, 503, 504].contains(answer.status) else { return (answer, mayHaveArrived) }
                reason = answer.reason
                if answer.status != 429 { mayHaveArrived = true }
            } catch {
                reason = error.reason
                if error.mayHaveArrived { mayHaveArrived = true }
                if !waitsForServer, !mayHaveArrived { throw Unanswered(reason: reason, mayHaveArrived: false) }
            }
            try Task.checkCancellation()
            guard .now < deadline else { throw Unanswered(reason: reason, mayHaveArrived: mayHaveArrived) }
            try await Task.sleep(for: backoff.next())
        }
    }
}

extension BlockingPost.Answer {
    /// What the server says of itself why.
    var reason: String {
        struct Problem: Decodable { var detail: String }
        return (try? JSONDecoder().decode(Problem.self, from: body))?.detail ?? "the server answered \(status)"
    }
}
