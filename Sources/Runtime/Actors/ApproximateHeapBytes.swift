// What values take up beside their own fields, by estimates that read no more than a count. The lengths of texts inside
// of collections are not looked at.

/// The head of an object and its length, and what the allocator adds.
private let objectBytes = 40

extension String {
    /// Nothing for a text that is short enough to lie in the value itself.
    package var approximateHeapBytes: Int { utf8.count > 15 ? objectBytes + utf8.count : 0 }
}

extension Array {
    package var approximateHeapBytes: Int { capacity == 0 ? 0 : objectBytes + capacity * MemoryLayout<Element>.stride }
}

extension Dictionary {
    /// The table has room for a third more than it admits.
    package var approximateHeapBytes: Int {
        if capacity == 0 { return 0 }
        return 2 * objectBytes + capacity * 4 / 3 * (MemoryLayout<Key>.stride + MemoryLayout<Value>.stride)
    }
}
