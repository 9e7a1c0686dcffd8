import Aggregates
package import Runtime

/// The view `devices`: identity, account, last readings, last seen, counts.
package enum DevicesProjection: Projection {
    package static let name = "devices"
    /// 2: clocks, and what was counted of readings. 3: what was measured for an account is not taken to the next. 4: readings
    /// that are dated anew, the same in whatever order those of one instant come, and how far readings were out of order.
    package static let definition: Int32 = 4
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
                readingOrder: ReadingOrder(), latestFlagged: nil,
                clock: DeviceClock(),
                connectivity: Connectivity(),
                claim: registered.claim,
                version: event.version)
            return
        }
        guard let version = row?.version, event.version > version else { return }
        // In place: a copy would copy the readings, too.
        row?.apply(fact, of: event)
    }

    /// A reading is late if it was made before one that is there: by as much.
    package static func lateness(of event: RecordedEvent, onto rows: ViewRows<DeviceRow>) -> Lateness? {
        guard let row = rows[event.stream.id], event.version > row.version, let newest = row.lastObservedTime,
            case .telemetryRecorded(let fact)? = try? Device.codec.decode(event)
        else { return nil }
        let time = fact.correctedTime(event.observedTime)
        guard time < newest else { return nil }
        var lateness = Lateness()
        lateness.seconds = [(newest - time) / .seconds(1)]
        return lateness
    }

    package static func id(of row: DeviceRow) -> String { row.id }
}

extension DeviceRow {
    fileprivate mutating func apply(_ fact: Device.Event, of event: RecordedEvent) {
        version = event.version
        switch fact {
        case .registered: break
        case .assigned(let assigned):
            account = assigned.account
            readings = [:]
            latestFlagged = nil
            unsettled = nil
        case .updated(let updated):
            if let serial = updated.serial { self.serial = serial }
            if let name = updated.name { self.name = name }
            if let type = updated.type { self.type = type }
            if let labels = updated.labels { self.labels = labels }
            if let location = updated.location { self.location = location.isEmpty ? nil : location }
            if let metadata = updated.metadata { self.metadata = metadata }
        case .telemetryRecorded(let telemetry):
            if state == .provisioned { state = .active }
            telemetryCount += 1
            duplicateCount += telemetry.repetitions ?? 0
            connectivity.hear()
            lastSeenTime = event.recordedTime
            clock.hear(telemetry, at: event.observedTime)
            settle(telemetry, at: event.observedTime)
            let time = telemetry.correctedTime(event.observedTime)
            readingOrder?.take(time, after: lastObservedTime, recordedAt: event.recordedTime)
            if let latest = lastObservedTime, time < latest {
                lateCount += 1
            } else {
                lastObservedTime = time
            }
            if let flags = telemetry.flags {
                flaggedCount += 1
                FlaggedReading(flags: flags, time: time).replace(&latestFlagged)
            }
            for (metric, value) in telemetry.metrics {
                LatestReading(value: value, time: time).replace(&readings[metric])
            }
        case .messageRefused:
            refusedCount += 1
            connectivity.hear()
            lastSeenTime = event.recordedTime
        case .credentialIssued, .credentialsRotated, .credentialRevoked, .accessRefused: break
        case .connected(let connected):
            if state == .provisioned { state = .active }
            connectivity.connect(connected, at: event.observedTime)
            lastSeenTime = event.recordedTime
        case .disconnected: connectivity.disconnect(at: event.observedTime)
        case .flapping: connectivity.flap(at: event.observedTime)
        case .fellSilent: connectivity.fallSilent(at: event.observedTime)
        case .clockDrifted(let drifted): clock.announce(drifted.offset)
        case .clockRecovered: clock.announce(nil)
        case .readingsRedated(let fact):
            readingOrder?.take(fact, after: lastObservedTime)
            redate(fact)
        case .configurationDesired, .commandIssued, .commandSent, .commandTimedOut, .commandCancelled: break
        case .configurationReported, .commandAcknowledged, .commandEnded:
            connectivity.hear()
            lastSeenTime = event.recordedTime
        case .quarantined(let quarantined):
            quarantine = Device.Quarantine(
                reason: quarantined.reason, since: event.observedTime, before: state)
            state = .quarantined
        case .released:
            state = quarantine?.before ?? .active
            quarantine = nil
        case .retired:
            state = .retired
            quarantine = nil
        }
    }
}

// As in the device's own state.
extension DeviceRow {
    /// Before the reading counts among the latest.
    fileprivate mutating func settle(_ fact: TelemetryRecorded, at time: Timestamp) {
        if unsettled == nil, fact.provisional == true {
            unsettled = UnsettledReadings(
                beside: LatestReadings(readings: readings, flagged: latestFlagged, observed: lastObservedTime))
        }
        unsettled?.take(fact, at: time)
        if unsettled?.isEmpty == true { unsettled = nil }
    }

    fileprivate mutating func redate(_ fact: ReadingsRedated) {
        guard let latest = unsettled?.settled(by: fact) else { return }
        (readings, latestFlagged, lastObservedTime) = (latest.readings, latest.flagged, latest.observed)
        unsettled = nil
    }
}
