package import Aggregates
import Runtime

extension Device.State {
    /// A device to which anything may have happened.
    package static func random(using random: inout some RandomNumberGenerator) throws -> Device.State {
        var parts = RandomParts(random: random)
        defer { random = parts.random }
        var state = Device.State()
        (state.serial, state.name, state.type) = (parts.text(), parts.text(), DeviceType(parts.name()))
        state.account = AccountID(parts.name())
        state.labels = parts.members { $0.text() }
        state.location = parts.maybe { parts in
            Location(
                latitude: parts.maybe { $0.degrees() }, longitude: parts.maybe { $0.degrees() },
                text: parts.maybe { $0.text() })
        }
        state.metadata = parts.members { parts in
            parts.one([.null, .number(parts.number()), .list([.bool(true), .object(["a": .text(parts.text())])])])
        }
        state.status = parts.one([.unregistered, .provisioned, .active, .quarantined, .retired])
        state.quarantine = parts.maybe { .init(reason: $0.text(), since: $0.time(), before: .active) }
        state.limits = parts.maybe { MessageLimits(messagesPerMinute: Int($0.count()), excess: .drop) }
        state.keys = (0..<parts.one([0, 1, 3])).map { number in
            Device.KeyStanding(
                number: number, expires: parts.maybe { $0.time() },
                certificate: parts.maybe { DeviceCertificate(sha256: "0f", subject: $0.text(), notAfter: $0.time()) })
        }
        state.issuedKeys = Int(parts.count())
        state.claim = parts.maybe { $0.name() }
        state.readings = parts.members { LatestReading(value: $0.value(), time: $0.time()) }
        for _ in 0..<parts.one([0, 1, 5]) { state.sequence.insert(parts.count() / 2) }
        state.latestObserved = parts.maybe { $0.time() }
        (state.telemetryCount, state.duplicateCount, state.refusedCount) = (parts.count(), parts.count(), parts.count())
        (state.flaggedCount, state.lateCount) = (parts.count(), parts.count())
        state.latestFlagged = parts.maybe { parts in
            FlaggedReading(
                flags: ReadingFlags(metrics: ["t": .unknown], missing: ["a"], schema: 2, time: .future),
                time: parts.time())
        }
        for event in parts.events() { Device.evolve(&state, with: event, observedAt: parts.time()) }
        // Last, since no clock that was heard is as far off.
        (state.clock, state.connectivity) = (try parts.clock(), try parts.connectivity())
        return state
    }
}

extension RandomParts {
    /// Of what is a state's own to change.
    fileprivate mutating func events() -> [Device.Event] {
        var events: [Device.Event] = []
        if let config = maybe({ $0.members { JSONValue.text($0.text()) } }) {
            events.append(.configurationDesired(ConfigurationDesired(version: 1, config: config)))
        }
        if let name = maybe({ $0.text() }) {
            events.append(.commandIssued(CommandIssued(command: "c1", name: name, expires: time())))
        }
        if let delay = maybe({ $0.count() / 2 }) {
            let reading = TelemetryRecorded(
                metrics: ["t": .number(number())], clock: .device, delay: delay, provisional: true)
            events.append(.telemetryRecorded(reading))
        }
        return events
    }
}
