import Aggregates
import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// The places that an account's notifications go to: list, read, set, remove.
struct MailboxRoutes: Sendable {
    let changes: AccountChanges

    private static let path = "/api/v1/accounts/{id}/mailboxes"

    var all: [Route] {
        [
            .guarded(.get, Self.path, needs: .readFleet, shows: .mailboxes, list),
            .guarded(.get, Self.path + "/{name}", needs: .readFleet, shows: .mailboxes, read),
            .guarded(.put, Self.path + "/{name}", needs: .configureAccounts, set),
            .guarded(.delete, Self.path + "/{name}", needs: .configureAccounts, remove),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        exchange.shows(account: AccountID(exchange.parameter("id")))
        let mailboxes = memory.state.mailboxes.values.sorted { $0.name < $1.name }
        return try .json(
            ListAnswer(items: mailboxes.map { MailboxAnswer($0) }, next: nil),
            headers: [.eTag: EntityTag(version: memory.version).description])
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        guard let mailbox = memory.state.mailboxes[exchange.parameter("name")] else { throw .noMailbox }
        exchange.shows(account: AccountID(exchange.parameter("id")))
        let tag = EntityTag(version: memory.version)
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: [.eTag: tag.description]) }
        return try .json(MailboxAnswer(mailbox), headers: [.eTag: tag.description])
    }

    private func set(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let (id, account) = (exchange.parameter("id"), AccountID(exchange.parameter("id")))
        var fields = try RequestFields(exchange)
        let mailbox = Mailbox(
            name: exchange.parameter("name"), channel: try Self.channel(&fields), severity: try Self.severity(&fields),
            heads: try fields.optionalBool("heads") ?? false)
        let rotates = try fields.optionalBool("rotateSecret") ?? false
        try fields.finish(known: "channel, url or address, severity, heads, rotateSecret")
        // Heads concern the log of all accounts.
        guard !mailbox.heads || caller.scope == .all else { throw .forbidden }
        let wish = HeadLetters.wish(mailbox.heads, of: mailbox.name, in: account)
        let secret = MailboxSecrets.random()
        let (receipt, before) = try await changes.change(id, exchange, caller) { state in
            let command = Account.Command.setMailbox(mailbox, rotatesSecret: rotates)
            switch (state.mailboxes[mailbox.name]?.channel, mailbox.channel) {
            case (.webhook, .webhook) where !rotates: return .init(command: command, sideRows: [wish])
            case (_, .webhook):
                return .init(
                    command: command,
                    sideRows: MailboxSecrets.replacement(secret, of: mailbox.name, in: account, at: exchange.time)
                        + [wish])
            case (_, .email):
                return .init(
                    command: command, sideRows: [MailboxSecrets.deletion(of: mailbox.name, in: account), wish])
            }
        }
        var headers = HTTPFields.after(receipt)
        let memory = try await changes.accounts.recall(id, after: receipt)
        guard let mailbox = memory.state.mailboxes[mailbox.name] else { throw .noMailbox }
        var answer = MailboxAnswer(mailbox)
        let known = before.mailboxes[mailbox.name]
        // A repetition does not show the secret again: it was in the first answer, and nowhere else.
        if receipt.effect != .duplicate, case .webhook = mailbox.channel,
            rotates || !(known?.channel.isWebhook ?? false)
        {
            answer.secret = MailboxSecrets.text(of: secret)
        }
        if known == nil { headers[.location] = "/api/v1/accounts/\(id)/mailboxes/\(mailbox.name)" }
        return try .json(answer, status: known == nil ? .created : .ok, headers: headers)
    }

    private func remove(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let (id, name) = (exchange.parameter("id"), exchange.parameter("name"))
        try RequestFields(exchange, mayBeAbsent: true).finish(known: "none")
        let (receipt, _) = try await changes.change(id, exchange, caller) { _ in
            .init(
                command: .removeMailbox(name: name),
                sideRows: [
                    MailboxSecrets.deletion(of: name, in: AccountID(id)),
                    HeadLetters.wish(false, of: name, in: AccountID(id)),
                ])
        }
        return Response(status: .noContent, headers: .after(receipt))
    }

    private static func channel(_ fields: inout RequestFields) throws(Problem) -> Mailbox.Channel {
        switch try fields.text("channel") {
        case "webhook": .webhook(url: try fields.text("url"))
        case "email": .email(address: try fields.text("address"))
        default: throw .malformed("channel", "channel must be webhook or email.")
        }
    }

    private static func severity(_ fields: inout RequestFields) throws(Problem) -> Severity {
        guard let severity = Severity(rawValue: try fields.text("severity")) else {
            let known = Severity.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("severity", "severity must be one of \(known).")
        }
        return severity
    }
}

extension Mailbox.Channel {
    fileprivate var isWebhook: Bool { if case .webhook = self { true } else { false } }
}

/// A mailbox as JSON.
struct MailboxAnswer: Encodable {
    var name: String
    var channel: String
    var url: String?
    var address: String?
    var severity: Severity
    /// Only if it gets heads.
    var heads: Bool?
    /// What the webhook is signed with; only in the answer that sets it, this once.
    var secret: String?

    init(_ mailbox: Mailbox) {
        name = mailbox.name
        channel = mailbox.channel.name
        severity = mailbox.severity
        heads = mailbox.heads ? true : nil
        switch mailbox.channel {
        case .webhook(let url): self.url = url
        case .email(let address): self.address = address
        }
    }
}
