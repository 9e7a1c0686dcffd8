/// Makes one value of texts that come again and again, without making a string of them first.
///
/// A fixed number of places, each for whichever text came there last: memory stays the same whatever comes.
struct InternedTexts<Value> {
    private struct Place {
        let text: String
        let value: Value
    }

    private var places: [Place?]

    /// - Parameter capacity: a power of two.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "not a power of two")
        places = Array(repeating: nil, count: capacity)
    }

    /// The value of this text; nil if it is not UTF-8, or `make` makes nothing of it.
    mutating func value(_ bytes: UnsafeRawBufferPointer, _ make: (String) -> Value?) -> Value? {
        let index = Int(truncatingIfNeeded: Self.hash(bytes)) & (places.count - 1)
        if let place = places[index], Self.isSame(place.text, bytes) { return place.value }
        guard let text = String(validating: bytes, as: UTF8.self), let value = make(text) else { return nil }
        places[index] = Place(text: text, value: value)
        return value
    }

    private static func isSame(_ text: String, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let utf8 = text.utf8
        guard utf8.count == bytes.count else { return false }
        return utf8.withContiguousStorageIfAvailable { known in
            known.isEmpty || known.elementsEqual(bytes)
        } ?? false
    }

    /// Eight bytes at a step; what collides is only made again.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: bytes.count)
        var next = 0
        while next + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self)) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
            next += 8
        }
        while next < bytes.count {
            hash = (hash ^ UInt64(bytes[next])) &* 0x0000_0100_0000_01b3
            next += 1
        }
        return hash ^ (hash >> 32)
    }
}
