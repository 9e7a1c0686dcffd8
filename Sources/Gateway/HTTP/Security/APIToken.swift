package import Runtime

/// What a person or a program proves itself with; the secret itself is known to its holder only.
package struct APIToken: Sendable, Equatable {
    package enum Role: String, Sendable, Codable { case admin, reader }

    package var id: String
    package var name: String
    package var role: Role
    /// All accounts if nil.
    package var account: AccountID?
    package var expiresTime: Timestamp?

    package init(id: String, name: String, role: Role, account: AccountID? = nil, expiresTime: Timestamp? = nil) {
        self.id = id
        self.name = name
        self.role = role
        self.account = account
        self.expiresTime = expiresTime
    }
}
