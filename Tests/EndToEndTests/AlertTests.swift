import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A device that needs somebody` {
        @Test func `because it is hot raises an alert and a signed webhook, until it has cooled`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                try await api.configure(#"{"overheating":{"limit":50,"n":2,"seconds":0,"clear":45}}"#)
                let mailbox = try await WebhookMailbox.open(by: api)
                let device = try await api.register("oven")
                let connection = try await system.connect(device)
                try await connection.report(49, of: device.id)
                try await connection.report(70.5, of: device.id)

                let alert = try await alert(of: device, "?state=open", api)
                guard alert.kind == "overheating" else { throw Wrong("the alert is \(alert)") }
                let letter = try await mailbox.letter("fleetlog.alert.raised.v1", about: alert.id)
                try await checkSignature(of: letter, mailbox)
                guard letter.body.contains(#""deviceSerial":"oven""#) else {
                    throw Wrong("it does not say which device is hot: \(letter.body)")
                }

                let acknowledged = try await api.acknowledge(alert.id, note: "on my way")
                guard acknowledged.state == "acknowledged", acknowledged.note == "on my way",
                    let person = acknowledged.acknowledgedBy, person.hasPrefix("user:")
                else { throw Wrong("the acknowledged alert is \(acknowledged)") }
                // Hot again does not raise it again, and warm is not cold.
                try await connection.report(60, of: device.id)
                try await connection.report(35, of: device.id)
                _ = try await self.alert(of: device, "?state=acknowledged", api)

                try await connection.report(40, of: device.id)
                let cleared = try await self.alert(of: device, "?state=cleared", api)
                guard cleared.id == alert.id else { throw Wrong("another alert was cleared: \(cleared)") }
                try await checkSignature(of: mailbox.letter("fleetlog.alert.cleared.v1", about: alert.id), mailbox)
                let late = try await api.send("POST", "/api/v1/alerts/\(alert.id)/acknowledge", "{}")
                guard late.status == 409 else { throw Wrong("a cleared alert was acknowledged: \(late.text)") }
                try await WorkflowChecker(system: system, api: api, mailbox: mailbox).check()
                guard mailbox.letters.count == 2 else { throw Wrong("\(mailbox.letters.count) letters came, not 2") }
            }
        }

        @Test func `because it is silent raises an alert and a webhook, until it is heard`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                try await api.configure(#"{"silence":{"seconds":1,"grace":1}}"#)
                let mailbox = try await WebhookMailbox.open(by: api, severity: "warning")
                let device = try await api.register("hermit")
                _ = try await api.register("never heard of")
                let connection = try await system.connect(device)
                try await connection.report(20, of: device.id)
                let alert = try await alert(of: device, "?state=open", api)
                guard alert.kind == "silence" else { throw Wrong("the alert is \(alert)") }
                try await eventually("it is offline", every: .milliseconds(50)) {
                    try await api.connectivity(of: device.id) == "offline"
                }
                try await checkSignature(of: mailbox.letter("fleetlog.alert.raised.v1", about: alert.id), mailbox)

                try await connection.report(20, of: device.id)
                _ = try await self.alert(of: device, "?state=cleared", api)
                // It falls silent once more, and that is news; that it was back is none for this mailbox.
                let second = try await self.alert(of: device, "?state=open", api)
                _ = try await mailbox.letter("fleetlog.alert.raised.v1", about: second.id)
                guard second.id != alert.id, mailbox.letters.map(\.alert) == [alert.id, second.id] else {
                    throw Wrong("the letters are \(mailbox.letters)")
                }
            }
        }

        /// The only alert that the query finds, once there is one, and that it is the device's.
        private func alert(of device: API.Device, _ query: String, _ api: API) async throws -> API.Alert {
            var found: [API.Alert] = []
            try await eventually("an alert \(query)", every: .milliseconds(50)) {
                found = try await api.alerts(query)
                return !found.isEmpty
            }
            guard found.count == 1, let alert = found.first, alert.device == device.id else {
                throw Wrong("the alerts \(query) are \(found)")
            }
            return alert
        }

        private func checkSignature(of letter: WebhookMailbox.Letter, _ mailbox: WebhookMailbox) async throws {
            guard try await mailbox.accepts(letter) else { throw Wrong("not genuine: \(letter)") }
            var forged = letter
            forged.body += " "
            guard try await !mailbox.accepts(forged) else { throw Wrong("the signature does not cover the body") }
            let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            guard try await !mailbox.accepts(letter, secret: other) else { throw Wrong("any secret will do") }
        }
    }
}
