/// How a simulation went.
package struct SimulationReport: Sendable {
    package enum Verdict: Sendable, Equatable {
        /// Each acknowledged reading is in the store exactly once, and each device has its firmware's end confirmed.
        case exact
        case wrong
        /// The devices had something to say, and nobody took it: there is nothing to verify.
        case unheard
        /// It was not asked for.
        case notVerified
    }

    package var verdict: Verdict
    package var devices: Int
    package var elapsed: Duration
    /// Messages that the devices wanted to send.
    package var messages: Int
    package var acknowledged: Int
    /// Messages that were still not acknowledged at the end; they may be stored or not.
    package var unacknowledged: Int
    package var resent: Int
    package var refused: Int
    package var dropped: Int
    /// From publish to acknowledgement.
    package var p50: Duration
    package var p99: Duration
    package var scenarios: [ScenarioName: ScenarioResult]
    package var firmware: FirmwareResult

    package var total: ScenarioResult { scenarios.values.reduce(ScenarioResult(), +) }

    /// False calls for an exit code other than 0.
    package var isSuccess: Bool { verdict != .wrong && verdict != .unheard }

    init(
        _ counts: FleetCounts, devices: Int, elapsed: Duration, scenarios: [ScenarioName: ScenarioResult]?,
        firmware: FirmwareResult = FirmwareResult()
    ) {
        self.devices = devices
        self.elapsed = elapsed
        messages = counts.messages
        acknowledged = counts.acknowledged
        unacknowledged = counts.outstanding
        resent = counts.resent
        refused = counts.refused
        dropped = counts.dropped
        p50 = counts.latencies.quantile(0.5)
        p99 = counts.latencies.quantile(0.99)
        self.scenarios = scenarios ?? [:]
        self.firmware = firmware
        let judged =
            scenarios.map { scenarios in
                scenarios.values.allSatisfy(\.isExact) && firmware.contradicted == 0 ? Verdict.exact : .wrong
            } ?? .notVerified
        verdict = judged != .wrong && counts.messages > 0 && counts.acknowledged == 0 ? .unheard : judged
    }

    /// The summary, the last line of which says how it ended.
    package var lines: [String] {
        let seconds = max(elapsed / .seconds(1), 0.001)
        var lines = [
            "\(devices) devices, \(messages) messages, \(acknowledged) acknowledged in \(Shown.number(seconds)) s: "
                + "\(Shown.number(Double(acknowledged) / seconds))/s",
            "publish to acknowledgement: p50 \(Shown.milliseconds(p50)), p99 \(Shown.milliseconds(p99))",
        ]
        if unacknowledged + resent + refused + dropped > 0 {
            lines.append(
                "without acknowledgement \(unacknowledged), sent again \(resent), refused by the broker \(refused), "
                    + "dropped by a full device \(dropped)")
        }
        for name in ScenarioName.allCases {
            guard let result = scenarios[name] else { continue }
            lines.append(
                "\(name.rawValue.padded(to: 10))  devices \(result.devices), acknowledged \(result.acknowledged), "
                    + "found \(result.found), missing \(result.missing), doubled \(result.doubled)")
        }
        if firmware.reported > 0 {
            lines.append(
                "firmware: \(firmware.reported) devices reported an end, the server says otherwise of "
                    + "\(firmware.contradicted)")
        }
        lines.append(conclusion)
        return lines
    }

    private var conclusion: String {
        let total = total
        return switch verdict {
        case .exact: "Verified: each of the \(total.acknowledged) acknowledged readings is in the store exactly once."
        case .wrong where firmware.contradicted > 0 && scenarios.values.allSatisfy(\.isExact):
            "FAILED: the server contradicts \(firmware.contradicted) of \(firmware.reported) devices about their firmware."
        case .wrong:
            "FAILED: of \(total.acknowledged) acknowledged readings \(total.missing) are missing in the store, "
                + "and \(total.doubled) readings are there more than once."
        case .unheard:
            "FAILED: nothing was acknowledged. Is the broker there, does it know the devices, and does a server ingest?"
        case .notVerified: "Not verified."
        }
    }
}

/// Figures as a person reads them.
enum Shown {
    static func number(_ value: Double) -> String {
        value >= 100 ? "\(Int(value.rounded()))" : "\((value * 10).rounded() / 10)"
    }

    static func milliseconds(_ duration: Duration) -> String {
        "\(((duration / .milliseconds(1)) * 10).rounded() / 10) ms"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
