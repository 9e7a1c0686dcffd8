import Aggregates
package import Runtime

/// The view `devices`: identity, account, last readings, last seen, counts.
package enum DevicesProjection: Projection {
    package static let name = "devices"
    /// 2: clocks, and what was counted of readings.
    package static let definition: Int32 = 2
    package static let category = Device.category

    package static func evolve(_ row: inout DeviceRow?, with event: RecordedEvent) throws(EventCodecError) {
        let fact = try Device.codec.decode(event)
        if case .registered(let registered) = fact {
            row = DeviceRow(
                id: event.stream.id, account: registered.account, serial: registered.serial, type: registered.type,
                name: registered.name, labels: registered.labels, location: registered.location,
                metadata: registered.metadata ?? [:], state: .provisioned, quarantine: nil,
                registeredTime: event.recordedTime, lastSeenTime: nil, lastObservedTime: nil, readings: [:],
                telemetryCount: 0, duplicateCount: 0, refusedCount: 0, flaggedCount: 0, lateCount: 0,
                latestFlagged: nil,
                clock: DeviceClock(),
                connectivity: Connectivity(),
                claim: registered.claim,
                version: event.version)
            return
        }
        guard var changed = row, event.version > changed.version else { return }
        changed.version = event.version
        switch fact {
        case .registered: break
        case .assigned(let assigned): changed.account = assigned.account
        case .updated(let updated):
            if let serial = updated.serial { changed.serial = serial }
            if let name = updated.name { changed.name = name }
            if let type = updated.type { changed.type = type }
            if let labels = updated.labels { changed.labels = labels }
            if let location = updated.location { changed.location = location.isEmpty ? nil : location }
            if let metadata = updated.metadata { changed.metadata = metadata }
        case .telemetryRecorded(let telemetry):
            if changed.state == .provisioned { changed.state = .active }
            changed.telemetryCount += 1
            changed.duplicateCount += telemetry.repetitions ?? 0
            changed.connectivity.hear()
            changed.lastSeenTime = event.recordedTime
            changed.clock.hear(telemetry, at: event.observedTime)
            let time = telemetry.correctedTime(event.observedTime)
            if let latest = changed.lastObservedTime, time < latest {
                changed.lateCount += 1
            } else {
                changed.lastObservedTime = time
            }
            if let flags = telemetry.flags {
                changed.flaggedCount += 1
                if changed.latestFlagged.map({ $0.time <= time }) ?? true {
                    changed.latestFlagged = FlaggedReading(flags: flags, time: time)
                }
            }
            for (metric, value) in telemetry.metrics
            where changed.readings[metric].map({ $0.time <= time }) ?? true {
                changed.readings[metric] = LatestReading(value: value, time: time)
            }
        case .messageRefused:
            changed.refusedCount += 1
            changed.connectivity.hear()
            changed.lastSeenTime = event.recordedTime
        case .credentialIssued, .credentialsRotated, .credentialRevoked, .accessRefused: break
        case .connected(let connected):
            if changed.state == .provisioned { changed.state = .active }
            changed.connectivity.connect(connected, at: event.observedTime)
            changed.lastSeenTime = event.recordedTime
        case .disconnected: changed.connectivity.disconnect(at: event.observedTime)
        case .flapping: changed.connectivity.flap(at: event.observedTime)
        case .fellSilent: changed.connectivity.fallSilent(at: event.observedTime)
        case .clockDrifted(let drifted): changed.clock.announce(drifted.offset)
        case .clockRecovered: changed.clock.announce(nil)
        case .configurationDesired, .commandIssued, .commandSent, .commandTimedOut, .commandCancelled: break
        case .configurationReported, .commandAcknowledged, .commandEnded:
            changed.connectivity.hear()
            changed.lastSeenTime = event.recordedTime
        case .quarantined(let quarantined):
            changed.quarantine = Device.Quarantine(
                reason: quarantined.reason, since: event.observedTime, before: changed.state)
            changed.state = .quarantined
        case .released:
            changed.state = changed.quarantine?.before ?? .active
            changed.quarantine = nil
        case .retired:
            changed.state = .retired
            changed.quarantine = nil
        }
        row = changed
    }

    package static func id(of row: DeviceRow) -> String { row.id }
}
