import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A server that is killed between two steps` {
        /// What is on its way when the server dies.
        enum Way: CaseIterable, CustomTestStringConvertible {
            case message, step, notification

            var testDescription: String { "of a \(self)" }

            /// Only a step has timers; the others need not wait for one.
            var alerts: [String] { self == .step ? ["overheating", "silence"] : ["overheating"] }

            var settings: String {
                let seconds = self == .step ? 1 : 3_600
                return """
                    {"overheating":{"limit":50,"n":1,"seconds":0},"silence":{"seconds":\(seconds),"grace":0}}
                    """
            }

            /// The failpoints on it, each with the times to die at.
            var failpoints: [(point: Failpoint, times: [Int])] {
                Failpoint.allCases.compactMap { point in
                    switch point {
                    // The reading's, the alert's.
                    case .turnDecided: self == .message ? (point, [1, 2]) : nil
                    // A start appends two to four times, to begin its generations; then come the reading, what is
                    // decided upon it, and the alert.
                    case .appendSent, .appendCommitted: self == .message ? (point, [3, 4, 5]) : nil
                    case .appendAnswered: self == .message ? (point, [4, 5]) : nil
                    case .turnAdopted, .roundSettled, .roundAcknowledged: self == .message ? (point, [1]) : nil
                    case .timerDue, .timerFired, .workflowDecided, .workflowRecorded, .commandSent, .commandMarked:
                        self == .step ? (point, [1]) : nil
                    case .notificationDispatched, .deliveryClaimed, .deliverySent, .deliveryMarked:
                        self == .notification ? (point, [1]) : nil
                    // No server comes there; RetentionTests does.
                    case .retentionFloorsRaised, .retentionAnnounced, .retentionDetached, .retentionFinished,
                        .retentionDeleted:
                        nil
                    // RebuildTests does.
                    case .rebuildBegun, .rebuildFolded, .rebuildStored, .rebuildCompared, .rebuildSwapping,
                        .rebuildSwapped, .generationDropping:
                        nil
                    // StepByStepDeathTests does.
                    case .messagesParked, .parkedRead, .parkedApplied, .parkedRemoved, .snapshotEncoded,
                        .snapshotStored, .projectionFolded, .projectionStored, .configurationPublished,
                        .configurationDelivered, .commandsPublished, .commandsNoted, .commandsDelivered,
                        .firmwareHeld, .firmwarePublished, .firmwareNotified, .firmwareMoved, .firmwareEnded,
                        .firmwareReleased, .withdrawalPublished, .withdrawalReported, .withdrawalReleased,
                        .withdrawalSettled, .blocksSealed, .headSigned, .headStored, .headPublished, .pastFolded,
                        .pastStored, .pastReady, .pastDropped:
                        nil
                    }
                }
            }
        }

        @Test(arguments: Way.allCases)
        func `loses nothing, and its successor tells nobody anything twice`(_ way: Way) async throws {
            try await TestedSystem.with { system in
                let first = try await system.start("first")
                let api = system.api(first)
                try await api.configure(way.settings)
                let mailbox = try await WebhookMailbox.open(by: api)
                let deaths = way.failpoints.flatMap { point, times in times.map { (point: point, count: $0) } }
                var devices: [String] = []
                for number in 1...deaths.count { devices.append(try await api.register("thermometer-\(number)").id) }
                await first.kill()
                for (number, death) in deaths.enumerated() {
                    do {
                        try await Self.die(
                            at: death.point, death.count, devices[...number], way.alerts, system, mailbox)
                    } catch {
                        throw Wrong("killed at \(death.point) for the \(death.count). time: \(error)")
                    }
                }
                try await Checker(system: system).viewsEqualRebuild()
            }
        }

        @Test func `is killed at each failpoint there is, here or in another suite`() {
            let tried =
                Way.allCases.flatMap { $0.failpoints.map(\.point) } + `A view that is rebuilt`.tried
                + `Old telemetry that leaves`.deaths.map(\.point)
                + `Servers of which each is killed one step after the last`.tried.map(\.point)
            #expect(Set(Failpoint.allCases).subtracting(tried).isEmpty)
        }

        /// The last of the devices reports what leads to alerts; the others have done so.
        private static func die(
            at point: Failpoint, _ count: Int, _ devices: ArraySlice<String>, _ alerts: [String],
            _ system: TestedSystem, _ mailbox: WebhookMailbox
        ) async throws {
            let letters = mailbox.letters.count
            let doomed = try system.launch(
                "\(point.rawValue)-\(count)", more: ["FLEETLOG_FAILPOINT": "\(point.rawValue):\(count)"])
            let thermometers = try await system.connectAsGateway()
            for device in devices.suffix(1) { try await thermometers.report(80, of: device) }
            try await doomed.dies(at: point)
            // Postgres may still be at work on what the dead server has sent.
            try await system.serversAreDisconnected()

            let api = API(port: 0, token: system.token)
            try await WorkflowChecker(system: system, api: api, mailbox: mailbox).endClaims()
            let successor = try await system.start("after-\(point.rawValue)-\(count)")
            let checker = WorkflowChecker(system: system, api: system.api(successor), mailbox: mailbox)
            try await checker.openAlerts(of: Array(devices), kinds: alerts)
            try await checker.check()
            let readings = try await system.readings
            guard readings == devices.count else {
                throw Wrong("\(readings) readings are in the log, of \(devices.count)")
            }
            let repeated = mailbox.letters.count - letters - alerts.count
            if point == .deliverySent, repeated < 1 { throw Wrong("what was not marked was not sent again") }
            await successor.kill()
        }
    }
}
