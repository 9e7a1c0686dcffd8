/// A message of the gateway to a device.
struct DeviceMessage: Sendable, Hashable {
    var topic: String
    /// Empty takes away what is retained.
    var payload: [UInt8]
    /// Whether the device finds it on its topic whenever it comes.
    var isRetained = true
    /// For how long the broker may hand it out; for ever if nil.
    var expirySeconds: UInt32?
}

/// What carries messages for devices to the broker.
protocol DevicePublishing: Sendable {
    /// Returns when the broker has acknowledged all of them.
    ///
    /// - Throws: if the connection is down or ends before that; some of them may have arrived.
    func publish(_ messages: [DeviceMessage]) async throws(MQTTError)
}
