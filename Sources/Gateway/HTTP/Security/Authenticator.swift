import Crypto
import Foundation
import HTTPTypes
import Runtime
import Synchronization

/// Somebody whose token holds. Nothing but the ``Authenticator`` makes one.
package struct Caller: Sendable {
    package let token: APIToken
    let tokenHash: [UInt8]
    let usesCookie: Bool

    var role: APIToken.Role { token.role }
    var scope: AccountScope { token.account.map { .only($0) } ?? .all }
    var principal: Principal { .user(token.id) }
    /// Where things go that name no account.
    var homeAccount: AccountID { token.account ?? .default }

    fileprivate init(_ token: APIToken, hash: [UInt8], usesCookie: Bool) {
        self.token = token
        tokenHash = hash
        self.usesCookie = usesCookie
    }
}

/// Finds out who asks, by bearer token or session cookie.
///
/// A token that held a moment ago is not looked up again, and one that has held lately is always looked up, so a flood
/// of wrong tokens from the same address does not shut out those who are known.
final class Authenticator: Sendable {
    private struct Known {
        var token: APIToken
        var checked: ContinuousClock.Instant
    }
    /// How long a token counts as checked; a revoked one works no longer than this.
    private static let freshness = Duration.seconds(10)
    /// How long a token is trusted while nobody can look it up.
    private static let patience = Duration.seconds(300)
    private static let capacity = 10_000

    private let store: any TokenStore
    private let sessions: SessionTable
    private let failures: FailureBudget
    private let known = Mutex<[[UInt8]: Known]>([:])

    init(store: any TokenStore, sessions: SessionTable = SessionTable(), failures: FailureBudget = FailureBudget()) {
        self.store = store
        self.sessions = sessions
        self.failures = failures
    }

    func caller(of exchange: Exchange) async throws(Problem) -> Caller {
        if let header = exchange.header(.authorization) {
            let words = header.split(separator: " ", maxSplits: 1)
            guard words.count == 2, words[0].lowercased() == "bearer" else {
                try failures.charge(exchange.peer)
                throw .unauthorized
            }
            let hash = TokenSecret(text: String(words[1])).hash
            return try await caller(hash: hash, peer: exchange.peer, usesCookie: false)
        }
        guard let cookie = SessionCookie.value(in: exchange), let hash = sessions.tokenHash(of: cookie) else {
            throw .unauthorized
        }
        return try await caller(hash: hash, peer: exchange.peer, usesCookie: true)
    }

    /// Opens a session for the holder of a token; returns the cookie's value.
    func logIn(token: String, peer: Peer) async throws(Problem) -> (Caller, cookie: String) {
        let caller = try await caller(hash: TokenSecret(text: token).hash, peer: peer, usesCookie: true)
        return (caller, sessions.open(tokenHash: caller.tokenHash))
    }

    func logOut(_ exchange: Exchange) {
        if let cookie = SessionCookie.value(in: exchange) { sessions.close(cookie) }
    }

    /// Whether a token that was valid when a stream began still is; while nobody can tell, it is.
    func stillHolds(_ caller: Caller) async -> Bool {
        do throws(Problem) {
            return try await lookUp(caller.tokenHash) != nil
        } catch {
            return error.status != .unauthorized
        }
    }

    private func caller(hash: [UInt8], peer: Peer, usesCookie: Bool) async throws(Problem) -> Caller {
        let isKnown = known.withLock { $0[hash] != nil }
        if !isKnown { try failures.check(peer) }
        guard let token = try await lookUp(hash) else {
            try failures.charge(peer)
            throw .unauthorized
        }
        return Caller(token, hash: hash, usesCookie: usesCookie)
    }

    private func lookUp(_ hash: [UInt8]) async throws(Problem) -> APIToken? {
        let earlier = known.withLock { $0[hash] }
        if let earlier, ContinuousClock.now - earlier.checked < Self.freshness { return earlier.token.ifUnexpired }
        do throws(TokenStoreError) {
            let token = try await store.token(hash: hash)?.ifUnexpired
            known.withLock { known in
                if known.count >= Self.capacity { known.removeAll() }
                known[hash] = token.map { Known(token: $0, checked: .now) }
            }
            return token
        } catch {
            if let earlier, ContinuousClock.now - earlier.checked < Self.patience { return earlier.token.ifUnexpired }
            throw Problem(error)
        }
    }
}

extension APIToken {
    fileprivate var ifUnexpired: APIToken? {
        if let expiresTime, expiresTime <= .now() { nil } else { self }
    }
}
