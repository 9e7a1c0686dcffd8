internal import Foundation

/// Foundation's decoder for bytes that lie in somebody else's memory, for modules that know nothing of Foundation.
package enum JSONBytes {
    /// Nil for what is not the JSON of such a value.
    package static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: UnsafeBufferPointer<UInt8>) -> Value? {
        try? JSONDecoder().decode(type, from: Data(buffer: bytes))
    }
}
