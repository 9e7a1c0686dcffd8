package import Runtime

/// A message that its device could not take when it came.
package struct ParkedMessage: Sendable {
    /// Under what it waits in order: its device, or ``FirmwareReportMessage/parkingKey(of:)``.
    package var device: String
    package var received: ReceivedMessage
    package var stamp: DeliveryStamp
    package var receivedTime: Timestamp
    package var reason: String

    package init(
        device: String, received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp, reason: String
    ) {
        self.device = device
        self.received = received
        self.stamp = stamp
        self.receivedTime = receivedTime
        self.reason = reason
    }
}

/// The parked messages of one device.
package struct ParkedQueue: Sendable, Hashable {
    package var count: Int
    /// When the first of them came.
    package var oldest: Timestamp

    package init(count: Int, oldest: Timestamp) {
        self.count = count
        self.oldest = oldest
    }
}

package enum ParkingError: Error, Sendable, Hashable {
    /// The generation is no longer the current one.
    case fenced
    case unavailable(reason: String)
}

/// Where parked messages lie.
package protocol ParkingStore: Sendable {
    /// Stores the messages in order, all or none, if the generation's stream still stands at `fence`. Those that are
    /// there already, since only the answer was lost, are not stored again.
    func park(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(ParkingError)

    /// What lies there for each device.
    func queues() async throws(ParkingError) -> [String: ParkedQueue]

    /// The first messages of a device in the order in which they came.
    func first(_ limit: Int, of device: String) async throws(ParkingError) -> [(id: Int64, message: ParkedMessage)]

    func remove(_ ids: [Int64]) async throws(ParkingError)

    /// Removes a message in the transaction of its events; nil for a store that is not in the log's database.
    func removal(of id: Int64) -> SideRow?
}
