import Aggregates
package import Runtime

/// In which order devices are listed; those that are alike in it by their ids.
package struct DeviceOrder: Sendable, Hashable {
    package enum Key: String, Sendable, CaseIterable {
        case id, name, serial, state
        case registered
        /// Those that have none come first.
        case lastReading
    }

    package var key: Key
    package var isDescending: Bool

    package init(by key: Key, isDescending: Bool = false) {
        self.key = key
        self.isDescending = isDescending
    }

    package static let byID = DeviceOrder(by: .id)
}

/// A place in a list of devices: what the last one before it was sorted by, and its id.
///
/// It stays where it is while devices come, go and change, so that a list that is read page by page holds each device once
/// whose own key has not changed meanwhile.
package struct DevicePlace: Sendable, Hashable {
    package enum Key: Sendable, Hashable {
        /// The id alone.
        case none
        case text(String)
        /// Nil for a device that has none.
        case time(Timestamp?)
    }

    package var key: Key
    package var id: String

    package init(_ key: Key, id: String) {
        self.key = key
        self.id = id
    }
}

extension DeviceRow {
    /// The place behind this device.
    package func place(in order: DeviceOrder) -> DevicePlace {
        let key: DevicePlace.Key =
            switch order.key {
            case .id: .none
            case .name: .text(name)
            case .serial: .text(serial)
            case .state: .text(state.rawValue)
            case .registered: .time(registeredTime)
            case .lastReading: .time(lastObservedTime)
            }
        return DevicePlace(key, id: id)
    }
}
