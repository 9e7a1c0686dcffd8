/// What one device may send before the broker's guard stops it.
package struct DeviceLimit: Sendable, Hashable {
    /// What happens to a message too many.
    package enum Action: UInt8, Sendable {
        /// It is answered with *Not authorized*; version 3.1.1 of MQTT is told nothing.
        case drop = 0
        /// The connection ends without an acknowledgement, so that the device sends it again.
        case disconnect = 1
    }

    /// 0 for no limit.
    package var messagesPerMinute: UInt32
    package var messageBurst: UInt32
    /// 0 for no limit.
    package var bytesPerSecond: UInt32
    package var byteBurst: UInt32
    package var action: Action

    package init(
        messagesPerMinute: UInt32 = 6_000, messageBurst: UInt32 = 12_000, bytesPerSecond: UInt32 = 1 << 20,
        byteBurst: UInt32 = 64 << 20, action: Action = .disconnect
    ) {
        self.messagesPerMinute = messagesPerMinute
        self.messageBurst = messageBurst
        self.bytesPerSecond = bytesPerSecond
        self.byteBurst = byteBurst
        self.action = action
    }
}
