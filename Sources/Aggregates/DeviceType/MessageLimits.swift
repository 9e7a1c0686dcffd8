/// What a device may send, as its type or somebody for this device alone has it; what is nil is left to others.
package struct MessageLimits: Sendable, Hashable, Codable {
    /// What happens to a message too many.
    package enum Excess: String, Sendable, Codable, CaseIterable {
        /// The connection ends without an acknowledgement, so that the device sends it again.
        case disconnect
        /// It is refused, and gone.
        case drop
    }

    /// 0 for no limit.
    package var messagesPerMinute: Int?
    package var messageBurst: Int?
    /// 0 for no limit.
    package var bytesPerSecond: Int?
    package var byteBurst: Int?
    package var excess: Excess?

    package init(
        messagesPerMinute: Int? = nil, messageBurst: Int? = nil, bytesPerSecond: Int? = nil, byteBurst: Int? = nil,
        excess: Excess? = nil
    ) {
        self.messagesPerMinute = messagesPerMinute
        self.messageBurst = messageBurst
        self.bytesPerSecond = bytesPerSecond
        self.byteBurst = byteBurst
        self.excess = excess
    }

    /// In an update it stands for "as the type has it".
    package var isEmpty: Bool { self == MessageLimits() }

    /// These, and where they say nothing those. A rate without a burst has one of its own: two minutes' messages, 64
    /// seconds' bytes, as the server has it.
    package func over(_ others: MessageLimits?) -> MessageLimits {
        var limits = self
        limits.messageBurst = messageBurst ?? messagesPerMinute.map { max(1, $0 * 2) } ?? others?.messageBurst
        limits.messagesPerMinute = messagesPerMinute ?? others?.messagesPerMinute
        limits.byteBurst = byteBurst ?? bytesPerSecond.map { max(1, $0 * 64) } ?? others?.byteBurst
        limits.bytesPerSecond = bytesPerSecond ?? others?.bytesPerSecond
        limits.excess = excess ?? others?.excess
        return limits
    }

    /// What is wrong with them, as the end of a sentence; nil if nothing is.
    var fault: String? {
        for (name, value, range) in [
            ("messagesPerMinute", messagesPerMinute, 0...6_000_000), ("messageBurst", messageBurst, 1...12_000_000),
            ("bytesPerSecond", bytesPerSecond, 0...64 << 20), ("byteBurst", byteBurst, 1...0xffff_ffff),
        ] {
            guard let value, !range.contains(value) else { continue }
            return "need \(name) from \(range.lowerBound) to \(range.upperBound)"
        }
        return nil
    }
}
