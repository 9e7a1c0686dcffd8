import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Account>

private let opened = Account.Event.opened(AccountOpened(id: AccountID("kew"), name: "Kew"))
private let hook = Mailbox(name: "ops", channel: .webhook(url: "https://example.com/hook"), severity: .warning)
private let mail = Mailbox(name: "ops", channel: .email(address: "ada@example.com"), severity: .info)

@Suite struct `A mailbox` {
    @Test func `is set, changed and removed`() {
        Spec.given(opened).when(.setMailbox(hook)).then(.mailboxSet(hook))
        Spec.given(opened, .mailboxSet(hook)).when(.setMailbox(hook)).thenNothing()
        Spec.given(opened, .mailboxSet(hook)).when(.setMailbox(mail)).then(.mailboxSet(mail))
        let removed = Account.Event.mailboxRemoved(MailboxRemoved(name: "ops"))
        Spec.given(opened, .mailboxSet(hook)).when(.removeMailbox(name: "ops")).then(removed)
        Spec.given(opened, .mailboxSet(hook), removed).when(.removeMailbox(name: "ops")).thenRejected(.unknownMailbox)
    }

    @Test func `gets a new secret only if it is a webhook that has one`() {
        let rotated = Account.Event.mailboxSecretRotated(MailboxSecretRotated(name: "ops"))
        Spec.given(opened, .mailboxSet(hook)).when(.setMailbox(hook, rotatesSecret: true)).then(rotated)
        Spec.given(opened).when(.setMailbox(hook, rotatesSecret: true)).then(.mailboxSet(hook))
        Spec.given(opened, .mailboxSet(hook)).when(.setMailbox(mail, rotatesSecret: true)).then(.mailboxSet(mail))
        Spec.given(opened, .mailboxSet(mail)).when(.setMailbox(mail, rotatesSecret: true)).thenNothing()
    }

    @Test func `gets signed heads only if it says so`() throws {
        var auditor = hook
        auditor.heads = true
        Spec.given(opened, .mailboxSet(hook)).when(.setMailbox(auditor)).then(.mailboxSet(auditor))
        let encoded = try Account.codec.encode(.mailboxSet(auditor))
        #expect(
            String(decoding: encoded.data, as: UTF8.self)
                == #"{"channel":"webhook","heads":true,"name":"ops","severity":"warning","url":"https://example.com/hook"}"#
        )
        // What was written before there were heads wants none.
        let text = #"{"channel":"email","address":"ada@example.com","name":"ops","severity":"info"}"#
        #expect(try JSONDecoder().decode(Mailbox.self, from: Data(text.utf8)) == mail && !mail.heads)
    }

    @Test func `is one of 32 at most`() {
        var spec = Spec.given(opened)
        for number in 1...32 {
            var mailbox = mail
            mailbox.name = "m\(number)"
            spec = spec.and(.mailboxSet(mailbox), at: .noon)
        }
        guard case .failure(.malformed("name", _)) = spec.when(.setMailbox(hook)).result else {
            Issue.record("a thirty-third mailbox was set")
            return
        }
        let known = Mailbox(name: "m7", channel: hook.channel, severity: .info)
        spec.when(.setMailbox(known)).then(.mailboxSet(known))
    }

    @Test(arguments: [
        "", "ftp://a/", "http://", "http:///x", "http://:80/", "https://user@host/", "https://user:pw@host/",
        "http://a b/", "http://a/\n", "http://a\\b/", "http://a:0/", "http://a:65536/", "http://a:/", "http://[::1/",
        "http://a/#f", "http://é/", "javascript:x", "http://[]/", "http://a:80@b/",
        "http://a/" + String(repeating: "x", count: 2_000),
    ]) func `has no URL such as`(_ url: String) {
        let mailbox = Mailbox(name: "ops", channel: .webhook(url: url), severity: .info)
        guard case .failure(.malformed("url", _)) = Spec.given(opened).when(.setMailbox(mailbox)).result else {
            Issue.record("\(url) was not refused")
            return
        }
    }

    @Test(arguments: [
        "http://a", "https://a/", "HTTPS://Example.com:8443/x?y=@z", "http://[2001:db8::1]:80/x", "http://127.1/",
    ]) func `has a URL such as`(_ url: String) {
        let mailbox = Mailbox(name: "ops", channel: .webhook(url: url), severity: .info)
        Spec.given(opened).when(.setMailbox(mailbox)).then(.mailboxSet(mailbox))
    }

    @Test(arguments: [
        "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a@b\r\nBcc: x@y", "<a@b>", "a@-b", "a@b-", "a@b..c", ".a@b",
        "a.@b", "a,b@c", "\"a\"@b", "é@b", "a@\(String(repeating: "x", count: 64)).com",
    ]) func `has no address such as`(_ address: String) {
        let mailbox = Mailbox(name: "ops", channel: .email(address: address), severity: .info)
        guard case .failure(.malformed("address", _)) = Spec.given(opened).when(.setMailbox(mailbox)).result else {
            Issue.record("\(address) was not refused")
            return
        }
    }

    @Test(arguments: ["", "A", "a b", "a/b", "é", String(repeating: "a", count: 65)])
    func `has no name such as`(_ name: String) {
        let mailbox = Mailbox(name: name, channel: mail.channel, severity: .info)
        guard case .failure(.malformed("name", _)) = Spec.given(opened).when(.setMailbox(mailbox)).result else {
            Issue.record("\(name) was not refused")
            return
        }
    }

    @Test func `is written flat, and its secret is no part of it`() throws {
        let encoded = try Account.codec.encode(.mailboxSet(hook))
        #expect(
            String(decoding: encoded.data, as: UTF8.self)
                == #"{"channel":"webhook","name":"ops","severity":"warning","url":"https://example.com/hook"}"#)
        for event in [Account.Event.mailboxSet(hook), .mailboxSet(mail)] {
            let stored = try Account.codec.encode(event)
            let read = try Account.codec.decode(
                type: stored.type, schemaVersion: stored.schemaVersion, data: stored.data)
            #expect(read == event)
        }
    }
}

@Suite struct `An account's settings` {
    @Test(arguments: [
        ("overheating.limit", AccountSettings(overheating: .init(limit: .nan, clear: 1))),
        ("overheating.limit", AccountSettings(overheating: .init(limit: .infinity, clear: 1))),
        ("overheating.n", AccountSettings(overheating: .init(n: 0))),
        ("overheating.n", AccountSettings(overheating: .init(n: 1_001))),
        ("overheating.seconds", AccountSettings(overheating: .init(seconds: -1))),
        ("overheating.seconds", AccountSettings(overheating: .init(seconds: 86_401))),
        ("overheating.clear", AccountSettings(overheating: .init(limit: 50, clear: 50.1))),
        ("overheating.clear", AccountSettings(overheating: .init(limit: 50, clear: .nan))),
        ("silence.seconds", AccountSettings(silence: .init(seconds: 0))),
        ("silence.grace", AccountSettings(silence: .init(grace: -1))),
    ]) func `are numbers that make sense`(_ field: String, _ settings: AccountSettings) {
        guard case .failure(.malformed(field, _)) = Spec.given(opened).when(.changeSettings(settings)).result else {
            Issue.record("\(field) was not refused")
            return
        }
    }

    @Test func `are changed as a whole`() {
        let settings = AccountSettings(overheating: .init(limit: 30, n: 1, seconds: 0), silence: .init(seconds: 1))
        let changed = Account.Event.settingsChanged(AccountSettingsChanged(settings: settings))
        Spec.given(opened).when(.changeSettings(settings)).then(changed)
        Spec.given(opened, changed).when(.changeSettings(settings)).thenNothing()
    }
}
