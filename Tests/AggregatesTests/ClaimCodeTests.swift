import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Account>

private let code = ClaimCode(id: "c1", hash: "00", note: "lot 7", uses: 2, expires: .noon + .seconds(60))
private let opened = Account.Event.opened(AccountOpened(id: .default, name: "A"))
private let created = Account.Event.claimCodeCreated(ClaimCodeCreated(code: code))
private let use = Account.Command.useClaimCode(id: "c1", device: "d1")
private let used = Account.Event.claimCodeUsed(ClaimCodeUsed(id: "c1", device: "d1"))

@Suite struct `A claim code` {
    private let spec = Spec.given(opened, created)

    @Test func `registers as many devices as it may, until it expires`() {
        Spec.given(opened).when(.createClaimCode(code)).then(created)
        spec.when(use).then(used)
        spec.and(used, at: .noon).when(use).then(used)
        spec.and(used, at: .noon).and(used, at: .noon).when(use).thenRejected(.claimRefused)
        spec.when(use, at: .noon + .seconds(59)).then(used)
        spec.when(use, at: .noon + .seconds(60)).thenRejected(.claimRefused)
    }

    @Test func `is worth nothing once it is revoked, or its account is not active`() {
        let revoked = Account.Event.claimCodeRevoked(ClaimCodeRevoked(id: "c1"))
        spec.when(.revokeClaimCode(id: "c1")).then(revoked)
        spec.and(revoked, at: .noon).when(use).thenRejected(.claimRefused)
        spec.and(revoked, at: .noon).when(.revokeClaimCode(id: "c1")).thenRejected(.unknownClaimCode)
        spec.and(.deactivated(AccountDeactivated()), at: .noon).when(use).thenRejected(.claimRefused)
        Spec.given(opened).when(use).thenRejected(.claimRefused)
    }

    @Test func `is one of 32 that have not expired`() {
        var spec = Spec.given(opened)
        for number in 0..<32 {
            var other = code
            other.id = "c\(number)"
            spec = spec.and(.claimCodeCreated(ClaimCodeCreated(code: other)), at: .noon)
        }
        var next = code
        next.id = "next"
        guard case .failure(.malformed("uses", _)) = spec.when(.createClaimCode(next)).result else {
            Issue.record("one more was taken")
            return
        }
        next.expires = .noon + .seconds(600)
        let later = Timestamp.noon + .seconds(61)
        let made = Account.Event.claimCodeCreated(ClaimCodeCreated(code: next))
        spec.when(.createClaimCode(next), at: later).then(made)
        #expect(spec.and(made, at: later).state.claimCodes.keys.sorted() == ["next"])
    }

    @Test(arguments: [("uses", 0, 60), ("uses", 1_000_001, 60), ("expires", 1, 0), ("expires", 1, 367 * 86_400)])
    func `is refused with the name of the malformed field`(_ field: String, _ uses: Int, _ seconds: Int) {
        let odd = ClaimCode(id: "c", hash: "", note: "", uses: uses, expires: .noon + .seconds(seconds))
        guard case .failure(.malformed(field, _)) = Spec.given(opened).when(.createClaimCode(odd)).result else {
            Issue.record("\(odd) was taken")
            return
        }
    }
}
