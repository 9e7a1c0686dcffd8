import Foundation
import HTTPTypes
import Hummingbird

extension JSONEncoder {
    /// Sorted keys, so that the same state always reads the same.
    static let answers: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    func bytes(of value: some Encodable) throws -> [UInt8] {
        guard let value = value as? any WritesJSON else { return Array(try encode(value)) }
        var json = JSONText(capacity: 1_024)
        try value.write(to: &json)
        return json.bytes
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name(wellFormed: "Idempotency-Key")
    static let idempotencyReplayed = HTTPField.Name(wellFormed: "Idempotency-Replayed")
    static let lastEventID = HTTPField.Name(wellFormed: "Last-Event-ID")
    /// How far the log, or the view that was read, has come.
    static let position = HTTPField.Name(wellFormed: "Fleetlog-Position")
    /// Where a list goes on that is no JSON.
    static let next = HTTPField.Name(wellFormed: "Fleetlog-Next")
    static let fetchSite = HTTPField.Name(wellFormed: "Sec-Fetch-Site")
    static let host = HTTPField.Name(wellFormed: "Host")

    private init(wellFormed name: String) {
        guard let parsed = HTTPField.Name(name) else { preconditionFailure("not a header name: \(name)") }
        self = parsed
    }
}

extension Response {
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws(Problem) -> Response {
        do {
            return .bytes(try JSONEncoder.answers.bytes(of: value), status: status, headers: headers)
        } catch {
            throw .internalFailure(cause: "an answer cannot be encoded: \(error)")
        }
    }

    static func bytes(
        _ bytes: [UInt8], type: String = "application/json", status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        headers[.contentLength] = "\(bytes.count)"
        if headers[.cacheControl] == nil { headers[.cacheControl] = "no-store" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

/// A page of a list: `{"items": [...], "next": "<cursor>"|null}`.
struct ListAnswer<Item: Encodable>: Encodable {
    var items: [Item]
    var next: String?

    private enum Key: CodingKey { case items, next }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(items, forKey: .items)
        try container.encode(next, forKey: .next)
    }
}
