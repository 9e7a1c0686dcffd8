import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Account>

private let id = AccountID("kew")
private let opened = Account.Event.opened(AccountOpened(id: id, name: "Kew"))

@Suite struct `An account` {
    @Test func `is opened once`() {
        Spec.given().when(.open(id: id, name: "Kew")).then(opened)
        Spec.given(opened).when(.open(id: id, name: "Kew")).thenRejected(.alreadyOpen)
    }

    @Test func `is renamed only to another name`() {
        Spec.given(opened).when(.rename("Kew Gardens")).then(.renamed(AccountRenamed(name: "Kew Gardens")))
        Spec.given(opened).when(.rename("Kew")).thenNothing()
    }

    @Test(arguments: ["", String(repeating: "x", count: 201), "a\u{7}b"]) func `has a name fit to read`(_ name: String)
    {
        guard case .failure(.malformed("name", _)) = Spec.given(opened).when(.rename(name)).result else {
            Issue.record("the name was not refused")
            return
        }
    }

    @Test func `is deactivated and activated`() {
        Spec.given(opened).when(.activate).thenNothing()
        Spec.given(opened).when(.deactivate).then(.deactivated(AccountDeactivated()))
        let inactive = Spec.given(opened, .deactivated(AccountDeactivated()))
        inactive.when(.deactivate).thenNothing()
        inactive.when(.activate).then(.activated(AccountActivated()))
    }

    @Test func `once closed stays closed`() {
        Spec.given(opened).when(.close).then(.closed(AccountClosed()))
        let closed = Spec.given(opened, .closed(AccountClosed()))
        closed.when(.close).thenNothing()
        closed.when(.activate).thenRejected(.closed)
        closed.when(.rename("x")).thenRejected(.closed)
    }

    @Test func `does not exist for somebody of another account`() {
        Spec.given(opened).when(.close, scope: .only(AccountID("other"))).thenRejected(.unknownAccount)
        Spec.given().when(.close).thenRejected(.unknownAccount)
    }

    @Test(arguments: [Account.Command.rename("Kew Gardens"), .activate, .deactivate, .close])
    func `changes nothing when a command is repeated`(_ command: Account.Command) throws {
        var spec = Spec.given(opened)
        for event in try spec.when(command).result.get() { spec = spec.and(event, at: .noon) }
        spec.when(command).thenNothing()
    }
}
