/// Adds up the bytes of rows that are stored chunk by chunk, in the order of their streams.
struct StoredBytes {
    private var last: String?
    /// Of the chunks in which rows of the last stream lie.
    private var sum = 0

    /// - Returns: how many bytes the rows of one stream take at most, of those that lie in this chunk.
    mutating func add(_ bytes: Int, from first: String, to last: String) -> Int {
        let most = first == self.last ? sum + bytes : bytes
        sum = first == last ? most : bytes
        self.last = last
        return most
    }
}
