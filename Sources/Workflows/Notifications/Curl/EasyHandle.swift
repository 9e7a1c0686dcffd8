internal import CCurl
import Foundation

/// One transfer of libcurl: a `CURL *` with what it points to, used on the transfer thread alone.
///
/// The first setting that libcurl refuses is kept and fails the transfer: none may be left out in silence.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private(set) var failure: CURLcode?
    private let guardian: SocketGuard
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private var mime: OpaquePointer?

    /// Nil if there is no memory.
    init?(policy: AddressPolicy?) {
        guard let easy = curl_easy_init() else { return nil }
        pointer = easy
        guardian = SocketGuard(policy: policy)
        let context = Unmanaged.passUnretained(guardian).toOpaque()
        note(ccurl_on_body(easy, SocketGuard.discard, context))
        note(ccurl_on_socket(easy, SocketGuard.open, context))
        set(CURLOPT_NOSIGNAL, 1)
        // Or a transfer that is given up would hold the thread until its name server has answered.
        set(CURLOPT_QUICK_EXIT, 1)
        // An empty one: otherwise libcurl takes one from the environment.
        set(CURLOPT_PROXY, "")
    }

    deinit {
        curl_easy_cleanup(pointer)
        for list in lists { curl_slist_free_all(list) }
        if let mime { curl_mime_free(mime) }
    }

    /// Whether an address was refused; those that come after it are not connected to either.
    var refusedAddress: Bool { guardian.refused }

    /// Whether the receiver sent more than anybody wants to read.
    var saidTooMuch: Bool { guardian.discarded > SocketGuard.most }

    func set(_ option: CURLoption, _ value: Int) { note(ccurl_set_long(pointer, option, value)) }

    func set(_ option: CURLoption, _ text: String) {
        note(text.withCString { ccurl_set_pointer(pointer, option, $0) })
    }

    func set(_ option: CURLoption, _ entries: [String]) {
        guard let list = list(entries) else { return }
        note(ccurl_set_pointer(pointer, option, list))
    }

    /// Copied by libcurl.
    func setBody(_ bytes: [UInt8]) {
        note(ccurl_set_body_size(pointer, curl_off_t(bytes.count)))
        note(bytes.withUnsafeBytes { ccurl_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) })
    }

    /// Alternatives of the same message, the plainest first, each in UTF-8.
    func setAlternatives(_ alternatives: [(type: String, text: String)]) {
        guard mime == nil, let whole = curl_mime_init(pointer), let inner = curl_mime_init(pointer) else {
            return note(CURLE_OUT_OF_MEMORY)
        }
        mime = whole
        for (type, text) in alternatives {
            let part = curl_mime_addpart(inner)
            note(text.withCString { curl_mime_data(part, $0, text.utf8.count) })
            note(curl_mime_type(part, "\(type); charset=utf-8"))
            note(curl_mime_encoder(part, "quoted-printable"))
        }
        let part = curl_mime_addpart(whole)
        note(curl_mime_subparts(part, inner))
        note(curl_mime_type(part, "multipart/alternative"))
        note(curl_mime_headers(part, list(["Content-Disposition: inline"]), 0))
        note(ccurl_set_pointer(pointer, CURLOPT_MIMEPOST, UnsafeRawPointer(whole)))
    }

    private func list(_ entries: [String]) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        for entry in entries {
            guard let longer = curl_slist_append(list, entry) else {
                curl_slist_free_all(list)
                note(CURLE_OUT_OF_MEMORY)
                return nil
            }
            list = longer
        }
        if let list { lists.append(list) }
        return list
    }

    private func note(_ code: CURLcode) {
        if code != CURLE_OK, failure == nil { failure = code }
    }
}

/// What libcurl asks back during a transfer. It lives as long as the handle that points to it.
private final class SocketGuard {
    /// Bytes of an answer that are read, and thrown away, so that its connection can be used again.
    static let most = 64 << 10

    private let policy: AddressPolicy?
    private(set) var refused = false
    private(set) var discarded = 0

    init(policy: AddressPolicy?) { self.policy = policy }

    static let discard: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
        _, size, count, context in
        guard let context else { return 0 }
        let guardian = Unmanaged<SocketGuard>.fromOpaque(context).takeUnretainedValue()
        guardian.discarded += size * count
        return guardian.discarded > most ? 0 : size * count
    }

    /// Called for each address that is about to be connected to.
    static let open:
        @convention(c) (UnsafeMutableRawPointer?, curlsocktype, UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t =
            { context, _, address in
                guard let context, let address else { return -1 }
                let guardian = Unmanaged<SocketGuard>.fromOpaque(context).takeUnretainedValue()
                if let policy = guardian.policy {
                    guard !guardian.refused, let ip = ccurl_address(address).flatMap({ IPAddress($0) }),
                        policy.allows(ip)
                    else {
                        guardian.refused = true
                        return -1
                    }
                }
                let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
                return socket(address.pointee.family, kind, address.pointee.protocol)
            }
}
