/// A device's own memory of what the broker has not acknowledged: kept in order, and handed out again
/// after a connection is lost.
struct Outbox: Sendable {
    struct Item: Sendable {
        var message: Message
        /// When it was first handed to a connection.
        var sent: ContinuousClock.Instant?
    }

    /// So many publishes a device leaves unanswered at a time.
    static let window = 16
    /// What does not fit any more pushes out the oldest.
    static let capacity = 10_000

    private var waiting: [Item] = []
    private var firstWaiting = 0
    private var inFlight: [(packetID: Int32, item: Item)] = []

    var count: Int { waiting.count - firstWaiting + inFlight.count }

    /// False if the oldest waiting message was dropped for it.
    mutating func add(_ message: Message) -> Bool {
        waiting.append(Item(message: message))
        guard count > Self.capacity else { return true }
        firstWaiting += 1
        return false
    }

    /// The next message to publish, while the window is open; `published` must follow.
    var next: Item? { inFlight.count < Self.window && firstWaiting < waiting.count ? waiting[firstWaiting] : nil }

    mutating func published(as packetID: Int32, at now: ContinuousClock.Instant) {
        var item = waiting[firstWaiting]
        item.sent = item.sent ?? now
        inFlight.append((packetID, item))
        firstWaiting += 1
        if firstWaiting > 64, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
    }

    /// The message that the broker has answered; nil if the answer is for none in flight.
    mutating func settle(_ packetID: Int32) -> Item? {
        guard let index = inFlight.firstIndex(where: { $0.packetID == packetID }) else { return nil }
        return inFlight.remove(at: index).item
    }

    /// Puts a message first in line again.
    mutating func putBack(_ item: Item) {
        waiting.replaceSubrange(..<firstWaiting, with: [item])
        firstWaiting = 0
    }

    /// Everything in flight goes first in line again, in the order it was published; how many that are.
    mutating func connectionLost() -> Int {
        defer { inFlight = [] }
        waiting.replaceSubrange(..<firstWaiting, with: inFlight.map(\.item))
        firstWaiting = 0
        return inFlight.count
    }
}
