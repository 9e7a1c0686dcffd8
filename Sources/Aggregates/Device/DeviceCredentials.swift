package import Runtime

extension Device {
    /// A key or a certificate that the device may prove itself with.
    package struct KeyStanding: Sendable, Hashable, Codable {
        /// Never given twice.
        package var number: Int
        /// When it ends; for ever if nil.
        package var expires: Timestamp?
        /// Nil for a key.
        package var certificate: DeviceCertificate?

        package init(number: Int, expires: Timestamp? = nil, certificate: DeviceCertificate? = nil) {
            self.number = number
            self.expires = expires
            self.certificate = certificate
        }

        /// Reads what its `Codable` form is; nil if Foundation must read it.
        init?(_ cursor: inout CanonicalCursor) {
            var number: Int64?
            self.init(number: 0)
            let isWhole = cursor.object { name, cursor in
                switch name {
                case "number": cursor.take(optional: &number) { $0.integer() }
                case "expires": cursor.take(optional: &expires) { $0.time() }
                case "certificate": cursor.take(optional: &certificate) { $0.decoded(DeviceCertificate.self) }
                default: false
                }
            }
            guard isWhole, let number else { return nil }
            self.number = Int(number)
        }
    }

    /// More keys and certificates at a time than a device has any use for.
    package static let keyLimit = 8

    static func issue(
        _ certificate: DeviceCertificate?, in state: State, at time: Timestamp
    ) throws(Rejection) -> [Event] {
        try checkFurther(certificate, in: state, at: time)
        return [.credentialIssued(CredentialIssued(key: state.issuedKeys + 1, certificate: certificate))]
    }

    static func rotate(
        to certificate: DeviceCertificate?, overlap: Duration, in state: State, at time: Timestamp
    ) throws(Rejection) -> [Event] {
        try checkFurther(certificate, in: state, at: time)
        return [
            .credentialsRotated(
                CredentialsRotated(
                    key: state.issuedKeys + 1, othersExpire: time + overlap, certificate: certificate))
        ]
    }

    private static func checkFurther(
        _ certificate: DeviceCertificate?, in state: State, at time: Timestamp
    ) throws(Rejection) {
        guard state.validKeys(at: time).count < keyLimit else { throw .tooManyCredentials }
        if let certificate, certificate.notAfter <= time { throw .certificateExpired(certificate.notAfter) }
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

    mutating func rotateKeys(_ fact: CredentialsRotated, at time: Timestamp) {
        for at in keys.indices { keys[at].expires = min(keys[at].expires ?? fact.othersExpire, fact.othersExpire) }
        addKey(fact.key, fact.certificate, at: time)
    }

    /// Those that have ended go: a device whose key is rotated each hour would remember them all.
    mutating func addKey(_ number: Int, _ certificate: DeviceCertificate? = nil, at time: Timestamp) {
        keys = validKeys(at: time)
        issuedKeys = max(issuedKeys, number)
        keys.append(Device.KeyStanding(number: number, expires: certificate?.notAfter, certificate: certificate))
    }
}

/// A further key, or a certificate, beside those that the device has.
package struct CredentialIssued: Sendable, Codable, Equatable {
    package var key: Int
    /// Absent for a key.
    package var certificate: DeviceCertificate?
}

/// A new key or certificate; those before it end after a while in which all of them work.
package struct CredentialsRotated: Sendable, Codable, Equatable {
    package var key: Int
    package var othersExpire: Timestamp
    /// Absent for a key.
    package var certificate: DeviceCertificate?
}

package struct CredentialRevoked: Sendable, Codable, Equatable {
    package var key: Int
}
