/// As much of MQTT 5 as a device needs, written down from the standard and not from the server's own library.
enum MQTTPacket: Sendable {
    case connectionAcknowledged(reason: UInt8)
    case published(topic: String, payload: [UInt8], packetID: UInt16?)
    case publishAcknowledged(packetID: UInt16, reason: UInt8)
    case publishReceived(packetID: UInt16, reason: UInt8)
    case subscribed(packetID: UInt16, reason: UInt8)
    case disconnected(reason: UInt8)
    case other(UInt8)

    /// The first packet in `bytes` and its length; nil while it is incomplete.
    static func first(in bytes: ArraySlice<UInt8>) -> (packet: MQTTPacket, length: Int)? {
        guard let kind = bytes.first, let (rest, digits) = number(in: bytes.dropFirst()) else { return nil }
        let length = 1 + digits + rest
        guard bytes.count >= length else { return nil }
        return (packet(kind, Array(bytes.dropFirst(1 + digits).prefix(rest))), length)
    }

    private static func packet(_ kind: UInt8, _ body: [UInt8]) -> MQTTPacket {
        switch kind >> 4 {
        case 2 where body.count >= 2: return .connectionAcknowledged(reason: body[1])
        case 3 where body.count >= 2: return published(kind, body)
        case 4 where body.count >= 2:
            return .publishAcknowledged(packetID: word(body[...]), reason: body.count > 2 ? body[2] : 0)
        case 5 where body.count >= 2:
            return .publishReceived(packetID: word(body[...]), reason: body.count > 2 ? body[2] : 0)
        case 9 where body.count >= 3: return .subscribed(packetID: word(body[...]), reason: body.last ?? 0)
        case 14: return .disconnected(reason: body.first ?? 0)
        default: return .other(kind)
        }
    }

    private static func published(_ kind: UInt8, _ body: [UInt8]) -> MQTTPacket {
        let topicLength = Int(word(body[...]))
        var rest = body.dropFirst(2)
        let topic = String(decoding: rest.prefix(topicLength), as: UTF8.self)
        rest = rest.dropFirst(topicLength)
        var packetID: UInt16?
        if kind & 0b110 != 0 {
            packetID = word(rest)
            rest = rest.dropFirst(2)
        }
        let (properties, digits) = number(in: rest) ?? (0, 0)
        return .published(topic: topic, payload: Array(rest.dropFirst(digits + properties)), packetID: packetID)
    }

    static func connect(clientID: String, user: String, password: String) -> [UInt8] {
        MQTTLogin(user: user, password: password, clientID: clientID).packet
    }

    static func publish(_ payload: [UInt8], to topic: String, packetID: UInt16) -> [UInt8] {
        packet(0x32, text(topic) + word(packetID) + [0] + payload)
    }

    static func subscribe(to filter: String, packetID: UInt16) -> [UInt8] {
        packet(0x82, word(packetID) + [0] + text(filter) + [1])
    }

    static func acknowledge(packetID: UInt16) -> [UInt8] { packet(0x40, word(packetID)) }

    static func packet(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] { [kind] + digits(of: body.count) + body }

    /// A number of variable length.
    static func digits(of number: Int) -> [UInt8] {
        var digits: [UInt8] = []
        var rest = number
        repeat {
            digits.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return digits
    }

    static func text(_ text: String) -> [UInt8] { word(UInt16(text.utf8.count)) + text.utf8 }
    static func word(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
    }

    /// A number of variable length, and how many bytes it takes.
    private static func number(in bytes: ArraySlice<UInt8>) -> (value: Int, digits: Int)? {
        var value = 0
        for (index, byte) in bytes.prefix(4).enumerated() {
            value |= Int(byte & 0x7f) << (7 * index)
            if byte & 0x80 == 0 { return (value, index + 1) }
        }
        return nil
    }
}
