import Runtime
import Synchronization

/// What each device may still send by HTTP at this server: a token bucket, as the broker's guard has one for MQTT.
final class ReadingAllowance: Sendable {
    private static let capacity = 100_000

    private struct Bucket {
        var messages: Double
        var bytes: Double
        var filled: ContinuousClock.Instant
    }

    private let buckets = Mutex<[String: Bucket]>([:])

    /// Takes one message out of the device's bucket.
    ///
    /// - Returns: nil if it may come, otherwise after how many seconds to try again.
    func take(
        _ device: String, bytes: Int, _ limit: DeviceLimit, now: ContinuousClock.Instant = .now
    ) -> Int? {
        let (rate, flow) = (Double(limit.messagesPerMinute) / 60, Double(limit.bytesPerSecond))
        let (burst, most) = (Double(limit.messageBurst), Double(limit.byteBurst))
        // A message larger than the whole burst may pass when the bucket is full.
        let weight = min(Double(bytes), most)
        return buckets.withLock { buckets in
            var bucket = buckets[device] ?? Bucket(messages: burst, bytes: most, filled: now)
            let elapsed = (now - bucket.filled) / .seconds(1)
            bucket.messages = min(burst, bucket.messages + elapsed * rate)
            bucket.bytes = min(most, bucket.bytes + elapsed * flow)
            bucket.filled = now
            var wait = 0.0
            if rate > 0, bucket.messages < 1 { wait = (1 - bucket.messages) / rate }
            if flow > 0, bucket.bytes < weight { wait = max(wait, (weight - bucket.bytes) / flow) }
            if wait == 0 {
                bucket.messages -= 1
                bucket.bytes -= weight
            }
            // Whoever is forgotten has a full bucket again, which costs one burst.
            if buckets[device] == nil, buckets.count >= Self.capacity { buckets.removeAll() }
            buckets[device] = bucket
            return wait == 0 ? nil : Int(wait.rounded(.up))
        }
    }
}
