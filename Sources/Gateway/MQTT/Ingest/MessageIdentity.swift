internal import Crypto
package import Runtime

/// Makes the id of a command from what a message is, so that the same message delivered again is the same command.
package struct MessageIdentity: Sendable {
    let device: String
    private let topic: String
    private let stamp: DeliveryStamp
    private let content: [UInt8]

    package init(device: String, message: ReceivedMessage, stamp: DeliveryStamp) {
        self.device = device
        topic = message.topic
        self.stamp = stamp
        content = SHA256.hash(data: message.payload).withUnsafeBytes { Array($0) }
    }

    /// SHA-256 of the payload in hexadecimal digits.
    package var contentText: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: content.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The id of the command that the message's reading number `index` becomes.
    ///
    /// The device's own number or time goes first: it holds across brokers and sessions. Without either only the
    /// delivery tells two equal messages apart, and an earlier delivery has other ids.
    package func command(of reading: Reading, at index: Int) -> (id: UUID128, earlier: [UUID128]) {
        if let seq = reading.seq { return (id(.seq, device, [seq, Int64(index)]), []) }
        if let time = reading.time { return (id(.time, device, [time.microseconds, Int64(index)]), []) }
        return delivery(index)
    }

    /// The id of the command that notes the message as refused.
    package func refusal() -> (id: UUID128, earlier: [UUID128]) { delivery(-1) }

    /// The id of the command that a message without a number or a time of its own becomes.
    package func delivered() -> (id: UUID128, earlier: [UUID128]) { delivery(0) }

    private func delivery(_ index: Int) -> (id: UUID128, earlier: [UUID128]) {
        func under(_ generation: Int64) -> UUID128 {
            id(.delivery, topic, [generation, stamp.number, Int64(index)])
        }
        return (under(stamp.generation), stamp.earlier.map(under))
    }

    private enum Kind: UInt8 {
        case seq = 1
        case time, delivery
    }

    private func id(_ kind: Kind, _ name: String, _ numbers: [Int64]) -> UUID128 {
        var text: [UInt8] = [kind.rawValue]
        text.reserveCapacity(64 + name.utf8.count + numbers.count * 8)
        for number in [Int64(name.utf8.count)] + numbers {
            withUnsafeBytes(of: number.bigEndian) { text += $0 }
        }
        text += name.utf8
        text += content
        return SHA256.hash(data: text).withUnsafeBytes { digest in
            // Version 8: a UUID of a form of our own.
            UUID128(
                high: digest.load(as: UInt64.self).bigEndian & ~0xf000 | 0x8000,
                low: digest.load(fromByteOffset: 8, as: UInt64.self).bigEndian & ~(3 << 62) | 1 << 63)
        }
    }
}
