import CCurl
import Foundation
import Workflows

/// The ceiling: libcurl alone posting bodies that are ready and signed, as many at once as the pump has under way.
struct PlainPosts {
    let url: String
    let bodies: [[UInt8]]

    static let atOnce = 64

    /// Posts a second; to be called on a thread of its own.
    func run() throws -> Double {
        guard let multi = curl_multi_init() else { throw BenchmarkFailed("libcurl gives no handle") }
        defer { curl_multi_cleanup(multi) }
        let handles = try (0..<min(Self.atOnce, bodies.count)).map { _ in try handle() }
        defer { for handle in handles { curl_easy_cleanup(handle.easy) } }
        defer { for handle in handles { curl_slist_free_all(handle.headers) } }
        var next = 0
        func post(_ easy: UnsafeMutableRawPointer) {
            ccurl_set_body_size(easy, curl_off_t(bodies[next].count))
            _ = bodies[next].withUnsafeBytes { ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
            curl_multi_add_handle(multi, easy)
            next += 1
        }
        let begin = ContinuousClock.now
        for handle in handles { post(handle.easy) }
        var done = 0
        while done < bodies.count {
            var active: Int32 = 0
            curl_multi_perform(multi, &active)
            var result = CURLE_OK
            while let easy = ccurl_next_done(multi, &result) {
                guard result == CURLE_OK, ccurl_response_code(easy) == 200 else {
                    throw BenchmarkFailed("libcurl: \(String(cString: curl_easy_strerror(result)))")
                }
                curl_multi_remove_handle(multi, easy)
                done += 1
                if next < bodies.count { post(easy) }
            }
            curl_multi_poll(multi, nil, 0, 1_000, nil)
        }
        return Double(bodies.count) / ((.now - begin) / .seconds(1))
    }

    private func handle() throws -> (easy: UnsafeMutableRawPointer, headers: UnsafeMutablePointer<curl_slist>?) {
        guard let easy = curl_easy_init() else { throw BenchmarkFailed("libcurl gives no handle") }
        var headers: UnsafeMutablePointer<curl_slist>?
        let signature = WebhookSignature.header(secrets: [[1]], id: "bench", timestamp: 1, body: bodies[0])
        for line in ["Content-Type: \(CloudEvent.contentType)", "Expect:", "webhook-signature: \(signature)"] {
            headers = curl_slist_append(headers, line)
        }
        _ = url.withCString { ccurl_set_pointer(easy, CURLOPT_URL, $0) }
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = "".withCString { ccurl_set_pointer(easy, CURLOPT_PROXY, $0) }
        ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, headers)
        return (easy, headers)
    }
}
