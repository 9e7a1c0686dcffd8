package import Runtime

/// A device: who it is, whose it is, and what it last reported.
package enum Device: Decider {
    package enum Command: Sendable, Equatable {
        // Indirect where a payload is large, so that the common command, telemetry, is not.
        indirect case register(Registration)
        /// Moves the device to another account.
        case assign(AccountStanding)
        indirect case update(Changes)
        case recordTelemetry(Telemetry)
        /// Notes a message that could not be understood.
        case refuseMessage(MessageRefusal)
        case reportStatus(StatusReport)
        /// - Parameter ifVersion: the version of the desired configuration that is to be replaced; any if nil.
        case desireConfiguration([String: JSONValue], ifVersion: Int64?)
        case reportConfiguration(ConfigurationReported)
        /// Tells the device to do something.
        indirect case issueCommand(DeviceCommandRequest)
        /// Notes that the broker has these.
        case noteCommandsSent([String])
        indirect case reportCommand(DeviceCommandReport)
        case cancelCommand(id: String, reason: String)
        case timeOutCommand(id: String)
        /// Notes that nothing was heard since.
        case fallSilent(lastSeenTime: Timestamp)
        /// Keeps the device out: it stays, but nothing it sends is taken for a reading.
        case quarantine(reason: String)
        /// Lets a quarantined device be what it was.
        case release(reason: String)
        /// Gives the device a further key, or lets a certificate stand for it.
        indirect case issueCredential(DeviceCertificate? = nil)
        /// Gives the device a new key or certificate, and ends the others after the overlap.
        indirect case rotateCredentials(overlap: Duration, to: DeviceCertificate? = nil)
        case revokeCredential(key: Int)
        /// Notes what the broker has refused the device, or whoever used its name.
        case noteAccessRefusals(AccessRefusals)
        case retire(reason: String)
    }

    package enum Event: Sendable, Equatable {
        indirect case registered(DeviceRegistered)
        case assigned(DeviceAssigned)
        indirect case updated(DeviceUpdated)
        case telemetryRecorded(TelemetryRecorded)
        case messageRefused(MessageRefused)
        case connected(DeviceConnected)
        case disconnected(DeviceDisconnected)
        case flapping(DeviceFlapping)
        case fellSilent(DeviceFellSilent)
        case clockDrifted(ClockDrifted)
        case clockRecovered(ClockRecovered)
        indirect case readingsRedated(ReadingsRedated)
        case configurationDesired(ConfigurationDesired)
        case configurationReported(ConfigurationReported)
        indirect case commandIssued(CommandIssued)
        case commandSent(CommandSent)
        case commandAcknowledged(CommandAcknowledged)
        indirect case commandEnded(CommandEnded)
        case commandTimedOut(CommandTimedOut)
        case commandCancelled(CommandCancelled)
        case quarantined(DeviceQuarantined)
        case released(DeviceReleased)
        indirect case credentialIssued(CredentialIssued)
        indirect case credentialsRotated(CredentialsRotated)
        case credentialRevoked(CredentialRevoked)
        case accessRefused(AccessRefused)
        case retired(DeviceRetired)
    }

    package enum Rejection: Error, Sendable, Equatable {
        /// Also the answer for a device of an account that the principal may not know of.
        case unknownDevice
        case alreadyRegistered
        case retired
        case quarantined
        /// The desired configuration has another version.
        case configurationMoved(version: Int64)
        case accountNotActive(AccountID)
        case malformed(field: String, reason: String)
        /// No key of this number is valid.
        case unknownCredential
        case tooManyCredentials
        case certificateExpired(Timestamp)
        /// The device was not told this, or it is forgotten.
        case unknownCommand
        case tooManyCommands
        /// It has come to another end.
        case commandEnded(DeviceCommand.Status)
    }

    package static let category = "device"
    package static let stateVersion: Int32 = 1
    package static var initial: State { State() }

    package static func countsRepetitions(of command: Command) -> Bool {
        if case .recordTelemetry = command { true } else { false }
    }

    package static func account(of state: State) -> AccountID { state.account }

    package static func approximateHeapBytes(of state: State) -> Int {
        let unsettled = state.unsettled?.approximateHeapBytes ?? 0
        return unsettled + state.serial.approximateHeapBytes + state.name.approximateHeapBytes
            + state.labels.approximateHeapBytes
            + state.readings.approximateHeapBytes + state.sequence.spans.approximateHeapBytes
            + state.metadata.approximateHeapBytes + state.connectivity.approximateHeapBytes
            + state.configuration.approximateHeapBytes + state.commands.approximateHeapBytes
            + state.provisional.readings.approximateHeapBytes
            + state.keys.reduce(0) { $0 + ($1.certificate?.approximateHeapBytes ?? 0) }
    }

    package static func decide(
        _ command: Command, in state: State, context: CommandContext
    ) throws(Rejection) -> [Event] {
        if case .register(let registration) = command {
            guard state.status == .unregistered else { throw .alreadyRegistered }
            guard registration.account.isActive, context.scope.includes(registration.account.id) else {
                throw .accountNotActive(registration.account.id)
            }
            return [.registered(try registration.checked())]
        }
        guard state.status != .unregistered, context.scope.includes(state.account) else { throw .unknownDevice }
        if case .refuseMessage(let refusal) = command { return [.messageRefused(MessageRefused(refusal))] }
        if case .noteAccessRefusals(let refusals) = command { return [.accessRefused(AccessRefused(refusals))] }
        if state.status == .retired {
            switch command {
            case .retire, .timeOutCommand: return []
            default: throw .retired
            }
        }
        switch command {
        case .assign(let account):
            guard account.isActive, context.scope.includes(account.id) else { throw .accountNotActive(account.id) }
            return account.id == state.account ? [] : [.assigned(DeviceAssigned(account: account.id))]
        case .update(let changes):
            return try changes.checked(against: state).map { [.updated($0)] } ?? []
        case .recordTelemetry(let telemetry):
            if state.status == .quarantined { throw .quarantined }
            let time = ReadingTime(telemetry, observedAt: context.time, state.clock)
            var fact = telemetry.fact(time, for: state)
            if isRepeated(fact, at: context.time, in: state) { return [] }
            if context.repetitions > 0 { fact.repetitions = context.repetitions }
            if state.connectivity.presence != .online { fact.returned = true }
            guard let news = time.news else {
                if time.isDatedByArrival, let arrival = telemetry.arrival,
                    state.provisional.hasRoom(for: fact, arrivedAt: arrival)
                {
                    fact.provisional = true
                }
                return [.telemetryRecorded(fact)]
            }
            let redated = time.redated(state.provisional, arrival: telemetry.arrival)
            return [.telemetryRecorded(fact), news] + (redated.map { [.readingsRedated($0)] } ?? [])
        case .reportStatus(let report):
            return state.connectivity.events(upon: report, at: context.time)
        case .desireConfiguration(let config, let version):
            return try state.configuration.events(desiring: config, ifVersion: version)
        case .reportConfiguration(let report): return try state.configuration.events(upon: report)
        case .issueCommand(let request):
            if state.status == .quarantined { throw .quarantined }
            return try state.commands.events(issuing: request, at: context.time)
        case .noteCommandsSent(let ids): return state.commands.events(noting: ids)
        case .reportCommand(let report):
            if state.status == .quarantined { throw .quarantined }
            return try state.commands.events(upon: report, at: context.time)
        case .cancelCommand(let id, let reason):
            return try state.commands.events(cancelling: id, reason: reason)
        case .timeOutCommand(let id): return state.commands.events(timingOut: id)
        case .fallSilent(let lastSeenTime):
            let isThere = state.connectivity.presence != .offline
            return isThere ? [.fellSilent(DeviceFellSilent(lastSeenTime: lastSeenTime))] : []
        case .quarantine(let reason):
            try DeviceLimits.check(reason: reason, isRequired: true)
            return state.status == .quarantined ? [] : [.quarantined(DeviceQuarantined(reason: reason))]
        case .release(let reason):
            try DeviceLimits.check(reason: reason)
            return state.status == .quarantined ? [.released(DeviceReleased(reason: reason))] : []
        case .retire(let reason):
            try DeviceLimits.check(reason: reason)
            return [.retired(DeviceRetired(reason: reason))]
        case .issueCredential(let certificate): return try issue(certificate, in: state, at: context.time)
        case .rotateCredentials(let overlap, let certificate):
            return try rotate(to: certificate, overlap: overlap, in: state, at: context.time)
        case .revokeCredential(let key): return try revoke(key, in: state, at: context.time)
        case .register, .refuseMessage, .noteAccessRefusals:
            return []
        }
    }

    package static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .registered(let fact):
            state.status = .provisioned
            state.account = fact.account
            state.addKey(1, at: time)
            state.serial = fact.serial
            state.type = fact.type
            state.name = fact.name
            state.labels = fact.labels
            state.location = fact.location
            state.metadata = fact.metadata ?? [:]
            state.claim = fact.claim
        case .assigned(let fact):
            state.account = fact.account
            // What was measured for one account stays as it is there, and is not to be seen in another.
            state.provisional = ProvisionalReadings()
            state.readings = [:]
            state.latestFlagged = nil
            state.unsettled = nil
            // What one account told its device is neither for it to do nor to be seen in another.
            state.commands = IssuedCommands()
        case .updated(let fact):
            if let serial = fact.serial { state.serial = serial }
            if let name = fact.name { state.name = name }
            if let type = fact.type { state.type = type }
            if let labels = fact.labels { state.labels = labels }
            if let location = fact.location { state.location = location.isEmpty ? nil : location }
            if let metadata = fact.metadata { state.metadata = metadata }
            if let limits = fact.limits { state.limits = limits.isEmpty ? nil : limits }
        case .telemetryRecorded(let fact):
            if state.status == .provisioned { state.status = .active }
            state.clock.hear(fact, at: time)
            if let reading = ProvisionalReading(fact, at: time) {
                state.provisional.insert(reading, measuring: fact.measured)
            }
            state.settle(fact, at: time)
            let time = fact.correctedTime(time)
            state.telemetryCount += 1
            state.duplicateCount += fact.repetitions ?? 0
            state.connectivity.hear()
            if let number = fact.seq { state.sequence.insert(number) }
            if let latest = state.latestObserved, time < latest {
                state.lateCount += 1
            } else {
                state.latestObserved = time
            }
            if let flags = fact.flags {
                state.flaggedCount += 1
                FlaggedReading(flags: flags, time: time).replace(&state.latestFlagged)
            }
            for (metric, value) in fact.metrics {
                LatestReading(value: value, time: time).replace(&state.readings[metric])
            }
        case .messageRefused:
            state.refusedCount += 1
            state.connectivity.hear()
        case .connected(let fact):
            if state.status == .provisioned { state.status = .active }
            state.connectivity.connect(fact, at: time)
        case .disconnected: state.connectivity.disconnect(at: time)
        case .flapping: state.connectivity.flap(at: time)
        case .fellSilent: state.connectivity.fallSilent(at: time)
        case .clockDrifted(let fact):
            state.clock.announce(fact.offset)
            // Each has had its chance: those that this clock has not dated were made by another.
            state.provisional = ProvisionalReadings()
        case .readingsRedated(let fact): state.redate(fact)
        case .clockRecovered: state.clock.announce(nil)
        case .configurationDesired(let fact): state.configuration.desire(fact, at: time)
        case .configurationReported(let fact):
            state.configuration.report(fact, at: time)
            state.connectivity.hear()
        case .commandIssued(let fact): state.commands.issue(fact, at: time)
        case .commandSent(let fact): state.commands.send(fact, at: time)
        case .commandAcknowledged(let fact):
            state.commands.acknowledge(fact, at: time)
            state.connectivity.hear()
        case .commandEnded(let fact):
            state.commands.end(fact, at: time)
            state.connectivity.hear()
        case .commandTimedOut(let fact): state.commands.timeOut(fact, at: time)
        case .commandCancelled(let fact): state.commands.cancel(fact, at: time)
        case .quarantined(let fact):
            state.quarantine = Quarantine(reason: fact.reason, since: time, before: state.status)
            state.status = .quarantined
        case .released:
            state.status = state.quarantine?.before ?? .active
            state.quarantine = nil
        case .credentialIssued(let fact): state.addKey(fact.key, fact.certificate, at: time)
        case .credentialsRotated(let fact): state.rotateKeys(fact, at: time)
        case .credentialRevoked(let fact): state.keys.removeAll { $0.number == fact.key }
        case .accessRefused:
            break
        case .retired:
            state.keys = []
            state.commands.cancelAll(because: "the device was retired", at: time)
            state.status = .retired
            state.quarantine = nil
        }
    }

    /// Whether the device has sent this sequence number before.
    ///
    /// A device that lost power counts from 1 again; its numbers are known, but not its readings. Dropping a reading is
    /// worse than counting one twice, so a known number is a repetition only if its time is not newer than all before.
    /// Without a time of the device's own nothing tells the two apart, and the reading is kept; repetitions of the very
    /// same message are recognised by their command id before they get here.
    private static func isRepeated(_ fact: TelemetryRecorded, at time: Timestamp, in state: State) -> Bool {
        guard let number = fact.seq, state.sequence.contains(number), fact.clock == .device,
            let latest = state.latestObserved
        else { return false }
        return fact.correctedTime(time) <= latest
    }
}
