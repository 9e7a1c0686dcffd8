extension RecordedEvent {
    /// What is hashed to the event's leaf: number of fields, then each as its length and its bytes, big endian, -1 for what
    /// is absent. That is the row of ``ReadStatements/columns`` as Postgres sends it in a binary COPY.
    ///
    /// It must never change, or no seal could be verified any more.
    package var sealedBytes: [UInt8] {
        let fields = EncodedParameters([
            .int8(position), .text(stream.description), .int8(version), .uuid(id), .text(type), .int4(schemaVersion),
            .text(metadata.account.rawValue), .timestamp(observedTime), .timestamp(recordedTime),
            .text(metadata.principal.description), .uuid(metadata.commandID),
            metadata.causationID.map { .uuid($0) } ?? .null, metadata.correlationID.map { .uuid($0) } ?? .null,
            metadata.traceParent.map { .text($0) } ?? .null, .json(data),
        ])
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 + 4 * fields.slots.count + fields.bytes.count)
        bytes.appendBigEndian(Int16(fields.slots.count))
        for slot in fields.slots {
            guard let range = slot.range else {
                bytes.appendBigEndian(Int32(-1))
                continue
            }
            bytes.appendBigEndian(Int32(range.count))
            bytes += fields.bytes[range]
        }
        return bytes
    }
}

extension RawEvents {
    /// Positions and leaves, without the events being read.
    ///
    /// - Throws: `PostgresError.decoding` for what is no event.
    func leaves() throws(PostgresError) -> [(position: Int64, hash: TreeHash)] {
        var leaves: [(position: Int64, hash: TreeHash)] = []
        leaves.reserveCapacity(count)
        for index in 0..<count {
            leaves.append(
                try rows.withRow(index) { bytes throws(PostgresError) in
                    var row = try CopiedRow(bytes, columns: RecordedEvent.columnCount)
                    return (try row.integer(Int64.self), .leaf(bytes))
                })
        }
        return leaves
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
