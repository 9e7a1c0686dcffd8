import Crypto
import Foundation
import HTTPTypes
import Synchronization

/// The sessions of browsers: a random cookie, kept as a hash, stands for a token's hash until it expires.
final class SessionTable: Sendable {
    static let lifetime = Duration.seconds(12 * 3_600)

    private struct Session {
        var tokenHash: [UInt8]
        var expires: ContinuousClock.Instant
    }
    private let capacity: Int
    private let sessions = Mutex<[[UInt8]: Session]>([:])

    init(capacity: Int = 10_000) { self.capacity = capacity }

    func open(tokenHash: [UInt8]) -> String {
        let cookie = RandomBytes.make(32).base64URLText
        let now = ContinuousClock.now
        sessions.withLock { sessions in
            if sessions.count >= capacity { sessions = sessions.filter { $0.value.expires > now } }
            if sessions.count >= capacity, let oldest = sessions.min(by: { $0.value.expires < $1.value.expires }) {
                sessions[oldest.key] = nil
            }
            sessions[Self.hash(cookie)] = Session(tokenHash: tokenHash, expires: now + Self.lifetime)
        }
        return cookie
    }

    func tokenHash(of cookie: String) -> [UInt8]? {
        let key = Self.hash(cookie)
        return sessions.withLock { sessions in
            guard let session = sessions[key] else { return nil }
            if session.expires > .now { return session.tokenHash }
            sessions[key] = nil
            return nil
        }
    }

    func close(_ cookie: String) {
        let key = Self.hash(cookie)
        sessions.withLock { $0[key] = nil }
    }

    private static func hash(_ cookie: String) -> [UInt8] { Array(SHA256.hash(data: Data(cookie.utf8))) }
}

/// The cookie that carries a session.
enum SessionCookie {
    static let name = "fleetlog_session"

    static func value(in exchange: Exchange) -> String? {
        for pair in (exchange.header(.cookie) ?? "").split(separator: ";") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            if halves.count == 2, halves[0].drop(while: { $0 == " " }) == name { return String(halves[1]) }
        }
        return nil
    }

    static func setting(_ value: String, needsTLS: Bool) -> String {
        let age = SessionTable.lifetime.components.seconds
        return "\(name)=\(value); Path=/; Max-Age=\(age); HttpOnly; SameSite=Strict\(needsTLS ? "; Secure" : "")"
    }

    static func clearing(needsTLS: Bool) -> String {
        "\(name)=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict\(needsTLS ? "; Secure" : "")"
    }
}
