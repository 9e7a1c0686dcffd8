import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Alert>

private let home = AccountID("home")
private let foreign = AccountScope.only(AccountID("other"))

private func alert(_ text: String = "61 °C") -> AlertRaised {
    AlertRaised(
        account: home, device: "kitchen-1", kind: "overheating", severity: .critical, title: "Too hot", text: text)
}

private let raised = Alert.Event.raised(alert())
private let acknowledged = Alert.Event.acknowledged(AlertAcknowledged(note: "on my way"))
private let cleared = Alert.Event.cleared(AlertCleared(reason: "cooled down"))

@Suite struct `An alert that nobody has raised` {
    @Test func `is raised in the account it names`() {
        let spec = Spec.given()
        spec.when(.raise(alert())).then(raised)
        #expect(Alert.account(of: spec.and(raised, at: .noon).state) == home)
    }

    @Test func `cannot be raised in an account that is out of reach`() {
        Spec.given().when(.raise(alert()), scope: foreign).thenRejected(.unknownAlert)
    }

    @Test(arguments: [Alert.Command.acknowledge(note: ""), .clear(reason: "")])
    func `takes no other command`(_ command: Alert.Command) {
        Spec.given().when(command).thenRejected(.unknownAlert)
    }
}

@Suite struct `An open alert` {
    @Test(arguments: ["61 °C", "70 °C"])
    func `is not raised again, whatever the second one says`(_ text: String) {
        Spec.given(raised).when(.raise(alert(text))).thenNothing()
    }

    @Test func `is acknowledged with a note, once`() {
        let spec = Spec.given(raised)
        spec.when(.acknowledge(note: "on my way")).then(acknowledged)
        spec.and(acknowledged, at: .noon).when(.acknowledge(note: "me too")).thenNothing()
    }

    @Test func `is cleared whether acknowledged or not, once`() {
        Spec.given(raised).when(.clear(reason: "cooled down")).then(cleared)
        Spec.given(raised, acknowledged).when(.clear(reason: "cooled down")).then(cleared)
        Spec.given(raised, cleared).when(.clear(reason: "cooled down again")).thenNothing()
    }

    @Test(arguments: [Alert.Command.acknowledge(note: ""), .clear(reason: ""), .raise(alert())])
    func `does not exist for somebody of another account`(_ command: Alert.Command) {
        Spec.given(raised).when(command, scope: foreign).thenRejected(.unknownAlert)
    }

    @Test func `takes a note of 500 bytes and no more, in one line`() {
        let spec = Spec.given(raised)
        let longest = String(repeating: "x", count: 500)
        spec.when(.acknowledge(note: longest)).then(.acknowledged(AlertAcknowledged(note: longest)))
        spec.when(.acknowledge(note: longest + "x"))
            .thenRejected(.malformed(field: "note", reason: "may have 500 bytes"))
        spec.when(.acknowledge(note: "a\u{0}b"))
            .thenRejected(.malformed(field: "note", reason: "must not contain control characters"))
    }
}

@Suite struct `A cleared alert` {
    @Test func `cannot be acknowledged`() {
        Spec.given(raised, cleared).when(.acknowledge(note: "")).thenRejected(.cleared)
        Spec.given(raised, acknowledged, cleared).when(.acknowledge(note: "")).thenRejected(.cleared)
    }

    @Test func `is not raised again`() {
        Spec.given(raised, cleared).when(.raise(alert())).thenNothing()
    }
}

@Suite struct `Any command to an alert` {
    @Test(arguments: [[Alert.Event](), [raised], [raised, acknowledged], [raised, cleared]])
    func `changes nothing when it is repeated`(_ history: [Alert.Event]) {
        for command in [Alert.Command.raise(alert()), .acknowledge(note: "n"), .clear(reason: "r")] {
            var spec = Spec.given()
            for event in history { spec = spec.and(event, at: .noon) }
            guard case .success(let events) = spec.when(command).result else { continue }
            for event in events { spec = spec.and(event, at: .noon) }
            spec.when(command).thenNothing()
        }
    }
}
