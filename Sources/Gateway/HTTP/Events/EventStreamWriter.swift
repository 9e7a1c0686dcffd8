import Hummingbird
import Runtime

/// Writes server-sent events. Waits until the peer has taken what came before, so a slow one costs no memory.
struct EventStreamWriter {
    private var writer: any ResponseBodyWriter
    private(set) var lastWrite = ContinuousClock.now

    init(_ writer: any ResponseBodyWriter) { self.writer = writer }

    /// Also tells the browser how soon to come back when the connection breaks.
    @concurrent mutating func begin() async throws {
        try await write(Array("retry: 2000\n\n".utf8))
    }

    @concurrent mutating func heartbeat() async throws {
        try await write(Array(": still here\n\n".utf8))
    }

    @concurrent mutating func write(_ events: [RecordedEvent], id: (RecordedEvent) -> Int64) async throws {
        // In portions: a page of large payloads must not lie in memory twice.
        var portion: [UInt8] = []
        for event in events {
            portion.append(raw: "id: \(id(event))\ndata: ")
            var json: [UInt8] = []
            EventJSON.append(event, to: &json)
            portion.append(linesOf: json)
            portion.append(raw: "\n\n")
            if portion.count >= 64 << 10 {
                try await write(portion)
                portion.removeAll(keepingCapacity: true)
            }
        }
        if !portion.isEmpty { try await write(portion) }
    }

    @concurrent private mutating func write(_ bytes: [UInt8]) async throws {
        try await writer.write(ByteBuffer(bytes: bytes))
        lastWrite = .now
    }
}

extension [UInt8] {
    /// A payload may hold line ends between its tokens, and each line of server-sent data needs its own prefix.
    fileprivate mutating func append(linesOf json: [UInt8]) {
        for byte in json {
            switch byte {
            case UInt8(ascii: "\n"): append(raw: "\ndata: ")
            case UInt8(ascii: "\r"): append(raw: "\ndata: ")
            default: append(byte)
            }
        }
    }
}
