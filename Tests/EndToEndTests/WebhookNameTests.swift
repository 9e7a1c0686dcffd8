import Foundation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A webhook's name` {
        /// Stands for a public address; the operator allows it, and `dead`, where nobody listens.
        private static let open = "127.0.0.2"
        private static let dead = "127.0.0.4"
        /// Somebody listens at each of these, and nobody may come.
        private static let inside = "127.0.0.3"
        private static let inside6 = "::1"

        private static let names: KeyValuePairs = [
            "open.test": [open],
            "several.test": [dead, open],
            "open-first.test": [open, inside, inside6],
            "inside-first.test": [inside, open, inside6],
            "inside6-first.test": [inside6, open],
            "inside-left.test": [dead, inside, inside6],
            "inside6-left.test": [dead, inside6],
        ]

        @Test func `leads to none but allowed addresses, whatever it is answered with`() async throws {
            try await Self.with { system, receiver in
                try receiver.name(Self.names)
                let api = system.api(try await Self.start(system, receiver))
                for (name, _) in Self.names {
                    try await api.setWebhook(name.replacing(".test", with: ""), at: receiver.url(name))
                }
                let notification = try await Self.notification(in: system, api)
                let deliveries = try await api.deliveries(of: notification) { $0.allSatisfy { $0.state != "pending" } }

                let taken = ["open.test", "several.test", "open-first.test"]
                for delivery in deliveries {
                    let attempt = delivery.attempts[0]
                    if taken.contains(delivery.mailbox + ".test") {
                        #expect(delivery.state == "delivered" && attempt.outcome == "delivered", "\(delivery)")
                    } else {
                        #expect(delivery.state == "dead" && attempt.outcome == "refused", "\(delivery)")
                        #expect(attempt.reason == Self.refusal, "\(delivery)")
                    }
                }
                #expect(deliveries.count == Self.names.count)
                #expect(receiver.requests == Dictionary(uniqueKeysWithValues: taken.map { ($0, [Self.open]) }))
                #expect(receiver.connected == [Self.open])
            }
        }

        @Test func `that leads inside at the second attempt is refused then, and the ledger says so`() async throws {
            try await Self.with { system, receiver in
                try receiver.name(["moving.test": [Self.open]])
                let first = try await Self.start(system, receiver)
                try await system.api(first).setWebhook("pager", at: receiver.url("moving.test", path: "status/500"))
                let notification = try await Self.notification(in: system, system.api(first))
                _ = try await system.api(first).deliveries(of: notification) { $0[0].attempts[0].code == 500 }
                #expect(receiver.requests == ["moving.test": [Self.open]])

                // Another server makes the second attempt: libcurl remembers an answer for a minute.
                await first.kill()
                try receiver.name(["moving.test": [Self.inside, Self.inside6]])
                let api = system.api(try await Self.start(system, receiver))
                try await api.redeliver(notification, to: "pager")
                let delivery = try await api.deliveries(of: notification) { $0[0].state != "pending" }[0]
                #expect(delivery.state == "dead", "\(delivery)")
                #expect(delivery.attempts.map(\.outcome) == ["failed", "refused"])
                #expect(delivery.attempts.last?.reason == Self.refusal)
                #expect(receiver.requests == ["moving.test": [Self.open]] && receiver.connected == [Self.open])
            }
        }

        private static let refusal = "The host has an address that webhooks may not be sent to."

        private static func with(_ body: @Sendable (TestedSystem, NamedReceiver) async throws -> Void) async throws {
            let folder = try ThrowawayFolder.make()
            defer { ThrowawayFolder.remove(folder) }
            let receiver = try await NamedReceiver(at: [open, inside, inside6], hostsFile: folder + "/hosts")
            try await TestedSystem.with { try await body($0, receiver) }
        }

        private static func start(_ system: TestedSystem, _ receiver: NamedReceiver) async throws -> ServerProcess {
            let allowed = ["FLEETLOG_WEBHOOK_ALLOW_PRIVATE": "\(open),\(dead)"]
            return try await system.start(more: allowed.merging(receiver.environment) { $1 })
        }

        /// Lets a device become hot, and returns the notification of that.
        private static func notification(in system: TestedSystem, _ api: API) async throws -> String {
            try await api.configure(#"{"overheating":{"limit":50,"n":1,"seconds":0}}"#)
            let thermometers = try await system.connectAsGateway()
            try await thermometers.report(80, of: try await api.register("thermometer").id)
            var found: [String] = []
            try await eventually("a notification is there") {
                found = try await system.texts("notifications", "select id::text from notifications")
                return found.count == 1
            }
            return found[0]
        }
    }
}

extension API {
    struct Delivery: Decodable, Sendable {
        struct Attempt: Decodable, Sendable {
            var outcome: String
            var code: Int?
            var reason: String?
        }

        var mailbox: String
        var state: String
        var attempts: [Attempt]
    }

    fileprivate func setWebhook(_ mailbox: String, at url: String) async throws {
        let answer = try await send(
            "PUT", "/api/v1/accounts/default/mailboxes/\(mailbox)",
            #"{"channel":"webhook","url":"\#(url)","severity":"info"}"#)
        guard answer.status == 201 else { throw Wrong("a mailbox was answered \(answer.status) \(answer.text)") }
    }

    fileprivate func redeliver(_ notification: String, to mailbox: String) async throws {
        let answer = try await send(
            "POST", "/api/v1/notifications/\(notification)/deliveries/\(mailbox)/redeliver", "{}")
        guard answer.status == 202 else { throw Wrong("a redelivery was answered \(answer.status) \(answer.text)") }
    }

    /// The deliveries of a notification, once all have been attempted and the condition holds.
    fileprivate func deliveries(
        of notification: String, once condition: ([Delivery]) -> Bool
    ) async throws -> [Delivery] {
        struct Notification: Decodable {
            var deliveries: [Delivery]
        }
        var deliveries: [Delivery] = []
        do {
            try await eventually("its deliveries are attempted", every: .milliseconds(50)) {
                let answer = try await send("GET", "/api/v1/notifications/\(notification)")
                deliveries = try answer.value(Notification.self).deliveries
                let isAttempted = !deliveries.isEmpty && deliveries.allSatisfy { !$0.attempts.isEmpty }
                return isAttempted && condition(deliveries)
            }
        } catch let never as NeverHappened {
            throw Wrong("\(never): \(deliveries)")
        }
        return deliveries
    }
}
