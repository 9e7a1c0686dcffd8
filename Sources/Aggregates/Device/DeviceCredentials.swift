package import Runtime

extension Device {
    /// A key that the device may prove itself with.
    package struct KeyStanding: Sendable, Hashable, Codable {
        /// Never given twice.
        package var number: Int
        /// When it ends; for ever if nil.
        package var expires: Timestamp?

        package init(number: Int, expires: Timestamp? = nil) {
            self.number = number
            self.expires = expires
        }
    }

    /// More keys at a time than a device has any use for.
    package static let keyLimit = 8

    static func issue(in state: State, at time: Timestamp) throws(Rejection) -> [Event] {
        guard state.validKeys(at: time).count < keyLimit else { throw .tooManyCredentials }
        return [.credentialIssued(CredentialIssued(key: state.issuedKeys + 1))]
    }

    static func rotate(_ overlap: Duration, in state: State, at time: Timestamp) throws(Rejection) -> [Event] {
        guard state.validKeys(at: time).count < keyLimit else { throw .tooManyCredentials }
        return [.credentialsRotated(CredentialsRotated(key: state.issuedKeys + 1, othersExpire: time + overlap))]
    }

    static func revoke(_ key: Int, in state: State, at time: Timestamp) throws(Rejection) -> [Event] {
        guard state.validKeys(at: time).contains(where: { $0.number == key }) else { throw .unknownCredential }
        return [.credentialRevoked(CredentialRevoked(key: key))]
    }
}

extension Device.State {
    package func validKeys(at time: Timestamp) -> [Device.KeyStanding] {
        keys.filter { $0.expires.map { $0 > time } ?? true }
    }

    mutating func rotateKeys(_ fact: CredentialsRotated) {
        for at in keys.indices { keys[at].expires = min(keys[at].expires ?? fact.othersExpire, fact.othersExpire) }
        addKey(fact.key)
    }

    mutating func addKey(_ number: Int) {
        issuedKeys = max(issuedKeys, number)
        keys.append(Device.KeyStanding(number: number))
    }
}

/// A further key beside those that the device has.
package struct CredentialIssued: Sendable, Codable, Equatable {
    package var key: Int
}

/// A new key; those before it end after a while in which all of them work.
package struct CredentialsRotated: Sendable, Codable, Equatable {
    package var key: Int
    package var othersExpire: Timestamp
}

package struct CredentialRevoked: Sendable, Codable, Equatable {
    package var key: Int
}
