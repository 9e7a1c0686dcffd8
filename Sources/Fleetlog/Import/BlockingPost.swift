internal import CCurl
import Dispatch
import Foundation

/// One POST of JSON by libcurl, on a thread of its own until it is answered.
///
/// Foundation's session polls without rest while it waits for an answer, which takes a whole core from a server on the
/// same machine.
enum BlockingPost {
    struct Answer: Sendable {
        var status: Int
        var body: Data
    }

    struct Failed: Error, Sendable {
        var reason: String
        /// Whether the server may have got the request all the same.
        var mayHaveArrived = false
    }

    private static let queue = DispatchQueue(label: "posts", attributes: .concurrent)
    /// Once, before the first handle is made.
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// With these nothing was sent.
    private static let beforeSending = Set(
        [
            CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
            CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
        ].map(\.rawValue))

    /// - Throws: ``Failed`` if there is no answer within a minute.
    static func send(
        _ body: Data, to url: String, token: String, idempotencyKey: String? = nil
    ) async throws(Failed) -> Answer {
        let headers =
            ["Authorization: Bearer \(token)", "Content-Type: application/json"]
            + (idempotencyKey.map { ["Idempotency-Key: \($0)"] } ?? [])
        let result: Result<Answer, Failed> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(returning: Result { () throws(Failed) in try perform(body, url, headers) })
            }
        }
        return try result.get()
    }

    private static func perform(_ body: Data, _ url: String, _ lines: [String]) throws(Failed) -> Answer {
        guard isReady, let easy = curl_easy_init() else { throw Failed(reason: "libcurl cannot be set up") }
        defer { curl_easy_cleanup(easy) }
        var headers: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(headers) }
        // The last one keeps libcurl from asking first whether the body is wanted.
        for line in lines + ["Expect:"] { headers = curl_slist_append(headers, line) }
        let received = Received()
        let codes = [
            url.withCString { ccurl_set_pointer(easy, CURLOPT_URL, $0) },
            ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, headers), ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1),
            ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT, 10), ccurl_set_long(easy, CURLOPT_TIMEOUT, 60),
            ccurl_set_body_size(easy, curl_off_t(body.count)),
            body.withUnsafeBytes { ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) },
            ccurl_on_body(easy, Received.take, Unmanaged.passUnretained(received).toOpaque()),
        ]
        let code = codes.first { $0 != CURLE_OK } ?? withExtendedLifetime(received) { curl_easy_perform(easy) }
        guard code == CURLE_OK else {
            throw Failed(
                reason: String(cString: curl_easy_strerror(code)),
                mayHaveArrived: !beforeSending.contains(code.rawValue))
        }
        return Answer(status: ccurl_response_code(easy), body: received.bytes)
    }
}

/// What comes back; it lives as long as the handle that points to it.
private final class Received {
    private static let most = 4 << 20
    private(set) var bytes = Data()

    static let take: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
        bytes, size, count, context in
        guard let context, let bytes else { return 0 }
        let received = Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
        guard received.bytes.count + size * count <= most else { return 0 }
        received.bytes.append(UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: size * count)
        return size * count
    }
}
