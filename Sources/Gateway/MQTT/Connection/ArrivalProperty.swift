internal import CMosquitto
import Glibc
import Runtime

/// The user property of MQTT 5 in which BrokerGuard says when a message came to the broker, in milliseconds since 1970.
enum ArrivalProperty {
    /// The last one counts: the broker adds it behind whatever the device itself has sent under that name.
    static func read(_ properties: OpaquePointer?) -> Timestamp? {
        guard var place = properties else { return nil }
        var arrival: Timestamp?
        var (key, value): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?) = (nil, nil)
        var isFirst = true
        while let found = mosquitto_property_read_string_pair(
            place, Int32(MQTT_PROP_USER_PROPERTY.rawValue), &key, &value, !isFirst)
        {
            defer {
                free(key)
                free(value)
            }
            place = found
            isFirst = false
            guard let key, let value, strcmp(key, "fleetlog-arrival") == 0 else { continue }
            arrival = Int64(String(cString: value)).flatMap(Timestamp.init(milliseconds:))
        }
        return arrival
    }
}

extension Timestamp {
    /// Nil for a time of before 2020, which is no arrival, and for one that no calendar has.
    fileprivate init?(milliseconds: Int64) {
        guard (1_577_836_800_000..<253_402_300_800_000).contains(milliseconds) else { return nil }
        self.init(microseconds: milliseconds * 1_000)
    }
}
