typealias CommitAnswer = Result<AppendOutcome, EventStoreError>

/// The place that the answer to one append goes to.
struct CommitTicket {
    let answers: CommitAnswers
    let index: Int

    func answer(_ answer: CommitAnswer) { answers.put(answer, at: index) }
}

/// Gathers the answers to appends that came together, and hands them over together: whoever sent a round is woken once,
/// not once for each append of it. Used within ``GroupCommit`` only.
final class CommitAnswers {
    private var answers: [CommitAnswer]
    private var missing: Int
    private let continuation: CheckedContinuation<[CommitAnswer], Never>

    init(_ count: Int, _ continuation: CheckedContinuation<[CommitAnswer], Never>) {
        answers = [CommitAnswer](repeating: .failure(.closed), count: count)
        missing = count
        self.continuation = continuation
    }

    func put(_ answer: CommitAnswer, at index: Int) {
        answers[index] = answer
        missing -= 1
        if missing == 0 { continuation.resume(returning: answers) }
    }
}
