/// The commands that wait for an actor's next turn; bounded, so that a flood is refused and not remembered.
struct Mailbox<D: Decider>: Sendable {
    struct Delivery: Sendable {
        let envelopes: [CommandEnvelope<D.Command>]
        let answers: Deliveries<D>
        /// Where the answer lies among those of the deliveries made together.
        let index: Int

        func answer(_ results: [CommandResult<D>]) { answers.answer(results, at: index) }
    }

    private var deliveries: [Delivery] = []
    private(set) var count = 0
    /// Whether a command waits that may have been accepted before the stream's recent ones.
    private(set) var mustAskLog = false

    var isEmpty: Bool { deliveries.isEmpty }

    /// An empty mailbox takes any one delivery, so that no batch is too large for ever.
    func hasRoom(for envelopes: Int, of capacity: Int) -> Bool { count == 0 || count + envelopes <= capacity }

    mutating func put(_ delivery: Delivery) {
        deliveries.append(delivery)
        count += delivery.envelopes.count
        mustAskLog = mustAskLog || delivery.envelopes.contains { $0.fingerprint != nil }
    }

    mutating func takeAll() -> [Delivery] {
        defer {
            deliveries.removeAll(keepingCapacity: false)
            count = 0
            mustAskLog = false
        }
        return deliveries
    }
}
