internal import CMosquitto
import Crypto
import Foundation
import Glibc
import Runtime

/// The user property of MQTT 5 in which BrokerGuard says when a message came to the broker: milliseconds since 1970, and a
/// tag by which it is known that the guard says so. A device can send one of its own, in a will also past the guard.
struct ArrivalProperty: Sendable {
    private let key: KeyedHash

    /// - Parameter password: the gateway's, which the guard knows too, and nobody else.
    init(password: String) {
        let digest = SHA256.hash(data: Data(password.utf8))
        let bytes = Array(SHA256.hash(data: Data("fleetlog-arrival\n".utf8) + Data(digest)))
        func word(_ start: Int) -> UInt64 {
            bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        key = KeyedHash(k0: word(0), k1: word(8))
    }

    /// What the guard says of a message to this topic; nil if it says nothing.
    func read(_ properties: OpaquePointer?, topic: String) -> Timestamp? {
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
            arrival = time(in: String(cString: value), topic: topic) ?? arrival
        }
        return arrival
    }

    /// Nil for what the guard has not written.
    func time(in value: String, topic: String) -> Timestamp? {
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = UInt64(parts[0]), let tag = UInt64(parts[1], radix: 16),
            tag == self.tag(of: milliseconds, topic)
        else { return nil }
        return Int64(exactly: milliseconds).flatMap(Timestamp.init(milliseconds:))
    }

    private func tag(of milliseconds: UInt64, _ topic: String) -> UInt64 {
        let said = [milliseconds, key.hash(topic.utf8)]
        return key.hash(said.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
    }
}

extension Timestamp {
    /// Nil for a time of before 2020, which is no arrival, and for one that no calendar has.
    fileprivate init?(milliseconds: Int64) {
        guard (1_577_836_800_000..<253_402_300_800_000).contains(milliseconds) else { return nil }
        self.init(microseconds: milliseconds * 1_000)
    }
}
