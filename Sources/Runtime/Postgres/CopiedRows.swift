/// Rows of a binary COPY, one after the other in one buffer, as Postgres sent them.
package struct CopiedRows: Sendable {
    /// What precedes the first row: the signature, flags, and the length of an extension that does not exist.
    private static let headerSize = 19
    /// In place of a row: that none follows.
    private static let trailerSize = 2

    package private(set) var bytes: [UInt8] = []
    /// Where each row ends.
    private var ends: [Int] = []
    private var isBegun = false
    /// Rows beyond the limit were left out.
    package private(set) var isCut = false
    private let byteLimit: Int

    package init(byteLimit: Int) {
        self.byteLimit = byteLimit
    }

    package var count: Int { ends.count }

    /// Where the row lies in `bytes`.
    package func range(of row: Int) -> Range<Int> { (row == 0 ? 0 : ends[row - 1])..<ends[row] }

    /// Takes one message of the copy, which holds one row. The first row is taken whatever its size.
    package mutating func take(_ message: UnsafeRawBufferPointer) {
        let row = UnsafeRawBufferPointer(rebasing: message.dropFirst(isBegun ? 0 : Self.headerSize))
        isBegun = true
        guard row.count > Self.trailerSize, !isCut else { return }
        guard ends.isEmpty || bytes.count + row.count <= byteLimit else {
            isCut = true
            return
        }
        bytes.append(contentsOf: row)
        ends.append(bytes.count)
    }
}

extension CopiedRows {
    func withRow<Value>(
        _ index: Int, _ body: (UnsafeRawBufferPointer) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        let range = range(of: index)
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(PostgresError) in try body(UnsafeRawBufferPointer(rebasing: buffer[range])) }
        }
        return try result.get()
    }
}
