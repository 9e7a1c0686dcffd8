package import Runtime

/// Lets devices register themselves in an account; of the code itself only a hash is known here.
package struct ClaimCode: Sendable, Hashable, Codable {
    package var id: String
    /// SHA-256 of the code, in hexadecimal digits.
    package var hash: String
    /// What it is for, as its maker says.
    package var note: String
    /// How many devices it may register.
    package var uses: Int
    package var expires: Timestamp

    package init(id: String, hash: String, note: String, uses: Int, expires: Timestamp) {
        self.id = id
        self.hash = hash
        self.note = note
        self.uses = uses
        self.expires = expires
    }

    /// How many an account may have that have not expired.
    package static let mostOfAnAccount = 32
    /// How long one may last.
    package static let longest = Duration.seconds(366 * 86_400)

    func check(at time: Timestamp) throws(Account.Rejection) {
        guard (1...1_000_000).contains(uses) else {
            throw .malformed(field: "uses", reason: "must be from 1 to 1000000")
        }
        guard expires > time, expires <= time + Self.longest else {
            throw .malformed(field: "expires", reason: "must be in the future, within 366 days")
        }
        guard note.utf8.count <= 200, !note.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw .malformed(field: "note", reason: "may have 200 bytes without control characters") }
    }
}

package struct ClaimCodeCreated: Sendable, Codable, Equatable {
    package var code: ClaimCode

    package init(code: ClaimCode) { self.code = code }
}

package struct ClaimCodeUsed: Sendable, Codable, Equatable {
    package var id: String
    package var device: String

    package init(id: String, device: String) {
        self.id = id
        self.device = device
    }
}

package struct ClaimCodeRevoked: Sendable, Codable, Equatable {
    package var id: String

    package init(id: String) { self.id = id }
}

extension Account {
    /// A code that has not been revoked, and how often it was used.
    package struct KnownClaimCode: Sendable, Equatable, Codable {
        package var code: ClaimCode
        package var used = 0

        package func isUsable(at time: Timestamp) -> Bool { used < code.uses && time < code.expires }
    }

    static func create(_ code: ClaimCode, at time: Timestamp, in state: State) throws(Rejection) -> [Event] {
        try code.check(at: time)
        guard state.claimCodes.values.count(where: { $0.code.expires > time }) < ClaimCode.mostOfAnAccount else {
            throw .malformed(
                field: "uses", reason: "cannot be had: an account has \(ClaimCode.mostOfAnAccount) codes, revoke one")
        }
        return [.claimCodeCreated(ClaimCodeCreated(code: code))]
    }

    static func use(
        _ id: String, _ device: String, at time: Timestamp, in state: State
    ) throws(Rejection) -> [Event] {
        guard state.status == .active, let known = state.claimCodes[id], known.isUsable(at: time) else {
            throw .claimRefused
        }
        return [.claimCodeUsed(ClaimCodeUsed(id: id, device: device))]
    }
}
