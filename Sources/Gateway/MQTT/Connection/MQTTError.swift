/// Why a connection to the broker could not be made or did not last.
package enum MQTTError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The broker said no, with the reason code of MQTT 5.
    case refused(reasonCode: Int32)
    /// The broker does not let us subscribe with QoS 1.
    case notSubscribed(topic: String, reasonCode: Int32)
    case lost(reason: String)
    case timedOut(waitingFor: String)
    case cancelled
    /// The caller asked for something that this phase of the connection does not allow.
    case misuse(String)

    package var description: String {
        switch self {
        case .refused(let code): "the broker refuses the connection (reason code \(code))"
        case .notSubscribed(let topic, let code): "the broker refuses the subscription to \(topic) (\(code))"
        case .lost(let reason): "the connection to the broker is lost: \(reason)"
        case .timedOut(let what): "the broker did not answer in time: \(what)"
        case .cancelled: "cancelled"
        case .misuse(let what): "the connection cannot do this now: \(what)"
        }
    }
}
