import Aggregates
import Crypto
import Foundation
import Runtime

/// A claim code as its holder has it: the account, and 160 random bits that prove it.
struct ClaimSecret: Sendable {
    let account: AccountID
    let text: String

    static func random(for account: AccountID) -> ClaimSecret {
        ClaimSecret(account: account, text: "flc_\(account)." + ResourceID.text(RandomBytes.make(20)))
    }

    private init(account: AccountID, text: String) {
        self.account = account
        self.text = text
    }

    /// What somebody claims to have; nil if it cannot be a code of any account.
    init?(_ text: String) {
        guard text.utf8.count <= 200, text.hasPrefix("flc_"), let dot = text.lastIndex(of: ".") else { return nil }
        let account = AccountID(String(text[..<dot].dropFirst(4)))
        guard StreamName("\(Account.category)-\(account)") != nil else { return nil }
        self.init(account: account, text: text)
    }

    /// What is kept of it.
    var hash: String {
        SHA256.hash(data: Data(text.utf8)).hexadecimal
    }

    /// The code that it proves, if it may still be used. All are looked at whole, so that the time tells nothing.
    func code(among known: some Collection<Account.KnownClaimCode>, at time: Timestamp) -> ClaimCode? {
        let own = Array(hash.utf8)
        var found: ClaimCode?
        for candidate in known {
            let theirs = Array(candidate.code.hash.utf8)
            var difference: UInt8 = own.count == theirs.count ? 0 : 1
            for (left, right) in zip(own, theirs) { difference |= left ^ right }
            if difference == 0, candidate.isUsable(at: time) { found = candidate.code }
        }
        return found
    }
}
