/// Where streams stand, as far as that is known without asking the database. Pure.
///
/// Whoever locks the head of the log and finds it where the own last batch left it knows that nobody has appended in
/// between: what that batch taught still holds, and the index need not be searched for it. If the head has moved,
/// everything is forgotten, and the claims of the batch are looked up. So this saves work and decides nothing: a stream
/// that is missing here is only looked up.
package struct KnownVersions: Sendable {
    /// A stream's version, or the batch that is about to change it.
    private enum Place: Sendable {
        case at(Int64)
        case onItsWay(batch: Int)
    }

    /// Two halves, so that what was not used for long is forgotten without being searched for.
    private var recent: [StreamName: Place] = [:]
    private var older: [StreamName: Place] = [:]
    private let capacity: Int
    /// Of which streams telemetry can be.
    let telemetry: TelemetryTypes
    private var batches = 0
    /// Rises when everything is forgotten.
    private var epoch = 0
    private var head: Int64?
    private let calm: Int
    /// Answered in a row that have found the head where it was expected.
    private var undisturbed = 0

    /// - Parameters:
    ///   - capacity: how many streams are remembered at least.
    ///   - calm: after how many batches without a surprise none is expected.
    package init(capacity: Int = 1 << 17, telemetry: TelemetryTypes = .unknown, calm: Int = 8) {
        self.capacity = capacity
        self.calm = calm
        self.telemetry = telemetry
    }

    /// Whether nobody else seems to append, so that it is worth counting on that: who is wrong has to send a batch twice.
    var isCalm: Bool { undisturbed >= calm }

    /// A batch between its encoding and its answer.
    package struct Mark: Sendable {
        fileprivate let batch: Int
        fileprivate let epoch: Int
    }

    mutating func beginBatch() -> Mark {
        batches += 1
        return Mark(batch: batches, epoch: epoch)
    }

    /// Whether a stream that the batch will change is known to stand at `version`.
    ///
    /// A later batch must ask the database again until this one is answered.
    mutating func claim(_ stream: StreamName, at version: Int64, for mark: Mark) -> Bool {
        let place = place(of: stream)
        remember(stream, .onItsWay(batch: mark.batch))
        guard case .at(version) = place else { return false }
        return true
    }

    /// Whether a stream that the batch will not change is known to stand at `version`.
    func holds(_ condition: StreamVersion) -> Bool {
        guard case .at(condition.version) = place(of: condition.stream) else { return false }
        return true
    }

    /// Where the head must be found for the batch's claims to be judged from here; nil if they cannot be.
    package func expectedHead(for mark: Mark) -> Int64? { mark.epoch == epoch ? head : nil }

    /// Takes over what an answered batch has taught.
    ///
    /// - Parameters:
    ///   - found: where the head was when it was locked.
    ///   - left: where the batch has left it.
    package mutating func learn(
        _ appends: [Append], _ outcomes: [AppendOutcome], of mark: Mark, found: Int64, left: Int64
    ) {
        if head == found { undisturbed += 1 } else { forget() }
        head = left
        guard mark.epoch == epoch else { return }
        for (append, outcome) in zip(appends, outcomes) {
            guard case .accepted = outcome else { continue }
            for change in append.changes {
                guard case .onItsWay(mark.batch) = place(of: change.stream) else { continue }
                remember(change.stream, .at(change.expectedVersion + Int64(change.events.count)))
            }
            for condition in append.conditions where place(of: condition.stream) == nil {
                remember(condition.stream, .at(condition.version))
            }
        }
    }

    /// After any failure: what a batch has left behind is not known then.
    mutating func forget() {
        recent = [:]
        older = [:]
        head = nil
        undisturbed = 0
        epoch += 1
    }

    private func place(of stream: StreamName) -> Place? { recent[stream] ?? older[stream] }

    private mutating func remember(_ stream: StreamName, _ place: Place) {
        recent[stream] = place
        guard recent.count >= capacity else { return }
        older = recent
        recent = [:]
    }
}
