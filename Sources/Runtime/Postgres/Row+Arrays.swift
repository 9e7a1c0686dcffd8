extension Row {
    package func boolArray(_ column: Int) throws(PostgresError) -> [Bool] {
        try array(column, "bool[]", of: PostgresType.bool) { $0.count == 1 ? $0[0] != 0 : nil }
    }

    package func int4Array(_ column: Int) throws(PostgresError) -> [Int32] {
        try array(column, "int4[]", of: PostgresType.int4) { $0.bigEndian(Int32.self) }
    }

    package func int8Array(_ column: Int) throws(PostgresError) -> [Int64] {
        try array(column, "int8[]", of: PostgresType.int8) { $0.bigEndian(Int64.self) }
    }

    package func textArray(_ column: Int) throws(PostgresError) -> [String] {
        try array(column, "text[]", of: PostgresType.text) { String(validating: $0, as: UTF8.self) }
    }

    package func nullableTextArray(_ column: Int) throws(PostgresError) -> [String?] {
        try nullableArray(column, "text[]", of: PostgresType.text) { String(validating: $0, as: UTF8.self) }
    }

    package func bytesArray(_ column: Int) throws(PostgresError) -> [[UInt8]] {
        try array(column, "bytea[]", of: PostgresType.bytea) { [UInt8]($0) }
    }

    package func jsonArray(_ column: Int) throws(PostgresError) -> [[UInt8]] {
        try array(column, "json[]", of: PostgresType.json) { [UInt8]($0) }
    }

    package func uuidArray(_ column: Int) throws(PostgresError) -> [UUID128] {
        try array(column, "uuid[]", of: PostgresType.uuid) { UUID128(postgres: $0) }
    }

    package func timestampArray(_ column: Int) throws(PostgresError) -> [Timestamp] {
        try array(column, "timestamptz[]", of: PostgresType.timestamptz) { Timestamp(postgres: $0) }
    }

    package func nullableTimestampArray(_ column: Int) throws(PostgresError) -> [Timestamp?] {
        try nullableArray(column, "timestamptz[]", of: PostgresType.timestamptz) { Timestamp(postgres: $0) }
    }

    private func array<Element>(
        _ column: Int, _ wanted: StaticString, of type: UInt32, _ decode: (UnsafeRawBufferPointer) -> Element?
    ) throws(PostgresError) -> [Element] {
        let elements: [Element]? = try value(column, wanted) { _, bytes in
            var elements: [Element] = []
            let complete = bytes.forEachElement(of: type, reserve: { elements.reserveCapacity($0) }) { element in
                guard let element, let value = decode(element) else { return false }
                elements.append(value)
                return true
            }
            return complete ? elements : nil
        }
        return try present(elements, column, wanted)
    }

    private func nullableArray<Element>(
        _ column: Int, _ wanted: StaticString, of type: UInt32, _ decode: (UnsafeRawBufferPointer) -> Element?
    ) throws(PostgresError) -> [Element?] {
        let elements: [Element?]? = try value(column, wanted) { _, bytes in
            var elements: [Element?] = []
            let complete = bytes.forEachElement(of: type, reserve: { elements.reserveCapacity($0) }) { element in
                guard let element else {
                    elements.append(nil)
                    return true
                }
                guard let value = decode(element) else { return false }
                elements.append(value)
                return true
            }
            return complete ? elements : nil
        }
        return try present(elements, column, wanted)
    }
}

extension UnsafeRawBufferPointer {
    /// Walks a binary array of one dimension, nil for null; false if it is none of that type or `body` gave up.
    fileprivate func forEachElement(
        of type: UInt32, reserve: (Int) -> Void, _ body: (UnsafeRawBufferPointer?) -> Bool
    ) -> Bool {
        guard let dimensions = int32(at: 0), let elementType = int32(at: 8), UInt32(bitPattern: elementType) == type
        else { return false }
        if dimensions == 0 { return true }
        guard dimensions == 1, let elementCount = int32(at: 12), elementCount >= 0 else { return false }
        reserve(Swift.min(Int(elementCount), count / 4))
        var next = 20
        for _ in 0..<elementCount {
            guard let length = int32(at: next) else { return false }
            next += 4
            if length < 0 {
                guard body(nil) else { return false }
                continue
            }
            guard next + Int(length) <= count else { return false }
            guard body(UnsafeRawBufferPointer(rebasing: self[next..<next + Int(length)])) else { return false }
            next += Int(length)
        }
        return true
    }

    private func int32(at offset: Int) -> Int32? {
        guard offset + 4 <= count else { return nil }
        return Int32(bigEndian: loadUnaligned(fromByteOffset: offset, as: Int32.self))
    }
}
