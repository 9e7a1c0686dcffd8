import Support

/// Compares decisions, alerts and letters: each follows from the one before, once.
struct WorkflowChecker: Sendable {
    let system: TestedSystem
    let api: API
    let mailbox: WebhookMailbox

    /// To be asked when no more is to come of the log.
    func check() async throws {
        try await workflowsAreAtRest()
        try await decisionsFollowEachOther()
        try await alertsFollowFromDecisions()
        try await lettersFollowFromAlerts()
        try await Checker(system: system).logIsSound()
        try await system.viewsCaughtUp()
        try await system.viewEqualsRebuild("alerts")
    }

    /// Waits until each of the devices has one open alert of each of the kinds; that is to stay so.
    func openAlerts(of devices: [String], kinds: [String], within limit: Duration = .seconds(30)) async throws {
        let expected = devices.flatMap { device in kinds.map { "\($0) \(device)" } }.sorted()
        var found: [String] = []
        do {
            try await eventually(within: limit, "each device has its alerts", every: .milliseconds(100)) {
                found = try await api.alerts("?state=open&limit=1000").map { "\($0.kind) \($0.device)" }.sorted()
                return found == expected
            }
        } catch let never as NeverHappened {
            throw Wrong("\(never): \(found.count) are open where \(expected.count) belong: \(found)")
        }
    }

    /// Ends the claims of servers that are dead, which would last a minute. What a server that lives has claimed may then
    /// be sent twice, under the same key.
    func endClaims() async throws {
        _ = try await system.texts(
            "end claims",
            "update deliveries set claimed_until = now() where claimed_until is not null returning mailbox")
    }

    private func workflowsAreAtRest() async throws {
        try await eventually("everything has left", every: .milliseconds(100)) {
            try await system.number(
                "waiting",
                """
                select (select count(*) from workflow_outbox)
                    + (select count(*) from notifications where dispatched_time is null)
                    + (select count(*) from deliveries where state <> 'delivered')
                """) == 0
        }
        let stopped = try await system.number("stopped instances", "select count(*) from workflow_failures")
        guard stopped == 0 else { throw Wrong("\(stopped) instances have stopped") }
    }

    /// A timer that fired twice, or an event that was reacted to twice, would decide the same again.
    private func decisionsFollowEachOther() async throws {
        let wrong = try await system.texts(
            "decisions out of turn",
            """
            select concat(stream, ': ', type, ' after ', before) from (
                select stream, version, type,
                    coalesce(lag(type) over (partition by stream order by version), '') as before
                from events where category = 'workflow') as decision
            where (type, before) not in (
                ('DeviceOverheated', ''), ('DeviceOverheated', 'DeviceCooledDown'),
                ('DeviceCooledDown', 'DeviceOverheated'),
                ('DeviceWentOffline', ''), ('DeviceWentOffline', 'DeviceCameOnline'),
                ('SilenceReported', 'DeviceWentOffline'),
                ('DeviceCameOnline', 'DeviceWentOffline'), ('DeviceCameOnline', 'SilenceReported'))
            """)
        guard wrong.isEmpty else { throw Wrong("decisions out of turn: \(wrong)") }
    }

    private func alertsFollowFromDecisions() async throws {
        let decided = try await system.texts(
            "alerts decided",
            """
            select data -> 'alert' ->> 'id' from events where type in ('DeviceOverheated', 'SilenceReported')
            """)
        let raised = try await system.texts(
            "alerts raised", "select substr(stream, 7) from events where type = 'AlertRaised'")
        guard !decided.isEmpty, decided.sorted() == raised.sorted() else {
            throw Wrong("\(decided.count) alerts were decided, \(raised.count) raised: \(decided) \(raised)")
        }
        guard Set(raised).count == raised.count else { throw Wrong("an alert was raised twice: \(raised)") }
    }

    private func lettersFollowFromAlerts() async throws {
        let letters = Dictionary(grouping: mailbox.letters) { $0.id }
        for (id, same) in letters where Set(same.map(\.body)).count > 1 {
            throw Wrong("\(id) was repeated with another body: \(same)")
        }
        let told = letters.values.compactMap(\.first).map { "\($0.type) \($0.alert)" }.sorted()
        let expected = try await system.texts(
            "what is to be told",
            """
            select concat('fleetlog.alert.', lower(substr(type, 6)), '.v1 ', substr(stream, 7))
            from events where type in ('AlertRaised', 'AlertCleared')
            """
        ).sorted()
        guard told == expected else {
            let (missing, unexpected) = (Set(expected).subtracting(told), Set(told).subtracting(expected))
            throw Wrong(
                "\(told.count) different letters have come where \(expected.count) belong; missing are \(missing), "
                    + "unexpected \(unexpected)")
        }
        guard let any = letters.values.first?.first, try await mailbox.accepts(any) else {
            throw Wrong("a letter is not genuine")
        }
    }
}

extension TestedSystem {
    func viewEqualsRebuild(_ view: String) async throws {
        let text = try await Executable.run(["replay", view, "--database-url", database.serverURL])
        guard text.contains("identical") else { throw Wrong("the view \(view) is not what the log says: \(text)") }
    }
}
