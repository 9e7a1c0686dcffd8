import Foundation
import Runtime

/// The JSON that some columns of the views hold.
enum ViewJSON {
    private static let decoder = JSONDecoder()
    private static let encoder = JSONEncoder()

    static func decode<Value: Decodable>(_ bytes: [UInt8]) throws(PostgresError) -> Value {
        do {
            return try decoder.decode(Value.self, from: Data(bytes))
        } catch {
            throw .decoding(.init(column: 0, wanted: "JSON of the view", found: "other JSON"))
        }
    }

    /// For values that have a JSON form, since they came as JSON or are numbers and texts.
    static func encode(_ value: some Encodable) -> String {
        (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
