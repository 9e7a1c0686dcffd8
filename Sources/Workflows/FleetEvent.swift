package import Aggregates
package import Runtime

/// An event of any aggregate, decoded.
package enum FleetEvent: Sendable, Equatable {
    case device(Device.Event)
    case account(Account.Event)
    case rollout(Rollout.Event)
    case alert(Alert.Event)

    /// Decodes a stored event; nil for one that belongs to no aggregate.
    ///
    /// - Throws: ``EventCodecError`` for a payload that this program cannot read.
    package init?(_ event: RecordedEvent) throws(EventCodecError) {
        switch event.stream.category {
        case "device": self = .device(try Device.codec.decode(event))
        case "account": self = .account(try Account.codec.decode(event))
        case "rollout": self = .rollout(try Rollout.codec.decode(event))
        case "alert": self = .alert(try Alert.codec.decode(event))
        default: return nil
        }
    }
}
