/// The parameters of one statement in one buffer, sized beforehand so that it is allocated once.
package struct EncodedParameters: Sendable {
    package struct Slot: Sendable {
        package let type: UInt32
        /// Where the value lies in the buffer; nil is SQL's null.
        package let range: Range<Int>?
    }

    package let slots: [Slot]
    package let bytes: [UInt8]

    private init(slots: [Slot], bytes: [UInt8]) {
        self.slots = slots
        self.bytes = bytes
    }

    /// These, and others behind them.
    func adding(_ values: PostgresValue...) -> EncodedParameters {
        let more = EncodedParameters(values)
        let end = bytes.count
        return EncodedParameters(
            slots: slots
                + more.slots.map { slot in
                    Slot(type: slot.type, range: slot.range.map { $0.lowerBound + end..<$0.upperBound + end })
                }, bytes: bytes + more.bytes)
    }

    init(_ values: [PostgresValue]) {
        var end = 0
        slots = values.map { value in
            let start = end
            end += value.encodedSize
            if case .null = value { return Slot(type: 0, range: nil) }
            return Slot(type: value.type, range: start..<end)
        }
        // The empty array's storage is shared, and this initialiser writes into it.
        bytes =
            end == 0
            ? []
            : [UInt8](unsafeUninitializedCapacity: end) { buffer, count in
                var writer = ParameterWriter(buffer: UnsafeMutableRawBufferPointer(buffer))
                for value in values { value.encode(into: &writer) }
                count = writer.count
            }
    }
}

/// Writes Postgres's binary format. Each write is checked against the buffer, so a wrong size stops the program
/// instead of spoiling its memory.
struct ParameterWriter {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    private mutating func advance(_ size: Int) -> Int {
        let start = count
        count += size
        precondition(count <= buffer.count, "a parameter is larger than its announced size")
        return start
    }

    mutating func integer<Integer: FixedWidthInteger>(_ value: Integer) {
        let start = advance(MemoryLayout<Integer>.size)
        buffer.storeBytes(of: value.bigEndian, toByteOffset: start, as: Integer.self)
    }

    mutating func bytes(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { copy($0) }
    }

    private mutating func copy(_ bytes: UnsafeRawBufferPointer) {
        let start = advance(bytes.count)
        guard !bytes.isEmpty else { return }
        UnsafeMutableRawBufferPointer(rebasing: buffer[start..<count]).copyMemory(from: bytes)
    }

    mutating func text(_ text: String) {
        let copied: Void? = text.utf8.withContiguousStorageIfAvailable { copy(UnsafeRawBufferPointer($0)) }
        guard copied == nil else { return }
        for byte in text.utf8 { integer(byte) }
    }

    mutating func uuid(_ id: UUID128) {
        integer(id.high)
        integer(id.low)
    }

    mutating func timestamp(_ time: Timestamp) { integer(time.sincePostgresEpoch) }

    mutating func sized<Integer: FixedWidthInteger>(_ value: Integer) {
        integer(Int32(MemoryLayout<Integer>.size))
        integer(value)
    }

    mutating func sizedText(_ text: String) {
        integer(Int32(truncatingIfNeeded: text.utf8.count))
        self.text(text)
    }

    mutating func sizedBytes(_ bytes: [UInt8]) {
        integer(Int32(truncatingIfNeeded: bytes.count))
        self.bytes(bytes)
    }

    mutating func sizedTimestamp(_ time: Timestamp) {
        integer(8 as Int32)
        timestamp(time)
    }

    /// One dimension, counted from 1.
    mutating func array<Element>(
        of type: UInt32, hasNull: Bool = false, _ elements: [Element],
        _ write: (inout ParameterWriter, Element) -> Void
    ) {
        integer(elements.isEmpty ? 0 : 1 as Int32)
        integer(hasNull ? 1 : 0 as Int32)
        integer(type)
        guard !elements.isEmpty else { return }
        integer(Int32(truncatingIfNeeded: elements.count))
        integer(1 as Int32)
        for element in elements { write(&self, element) }
    }
}
