import Aggregates
import Foundation
package import Projections
import Runtime

extension DeviceRow {
    /// A device of which anything may be known, with texts that JSON must escape and numbers of every size.
    package static func random(_ id: Int, using random: inout some RandomNumberGenerator) throws -> DeviceRow {
        var maker = RandomParts(random: random)
        defer { random = maker.random }
        return DeviceRow(
            id: "d\(id)", account: AccountID(maker.name()), serial: maker.text(), type: DeviceType(maker.name()),
            name: maker.text(), labels: maker.members { $0.text() },
            location: maker.maybe {
                Location(latitude: $0.degrees(), longitude: $0.degrees(), text: $0.maybe { $0.text() })
            },
            metadata: maker.members { parts in
                parts.one([.null, .number(parts.number()), .list([.bool(true), .text(parts.text())])])
            },
            state: maker.one([.provisioned, .active, .quarantined, .retired]),
            quarantine: maker.maybe { .init(reason: $0.text(), since: $0.time(), before: .active) },
            registeredTime: maker.time(), lastSeenTime: maker.maybe { $0.time() },
            lastObservedTime: maker.maybe { $0.time() },
            readings: maker.members { LatestReading(value: $0.value(), time: $0.time()) },
            telemetryCount: maker.count(), duplicateCount: maker.count(), refusedCount: maker.count(),
            flaggedCount: maker.count(), lateCount: maker.count(),
            readingOrder: maker.maybe { ReadingOrder(late: $0.count(), ahead: $0.count()) },
            latestFlagged: maker.maybe { parts in
                FlaggedReading(
                    flags: ReadingFlags(metrics: ["t": .unknown], missing: ["a"], schema: 2, time: .future),
                    time: parts.time())
            },
            unsettled: maker.maybe { $0.unsettled() },
            clock: try maker.clock(), connectivity: try maker.connectivity(), claim: maker.maybe { $0.name() },
            version: maker.count())
    }
}

extension RandomParts {
    fileprivate mutating func unsettled() -> UnsettledReadings {
        let readings = members { LatestReading(value: $0.value(), time: $0.time()) }
        var unsettled = UnsettledReadings(
            beside: LatestReadings(readings: readings, flagged: nil, observed: maybe { $0.time() }))
        let time = time()
        for _ in 0..<one([1, 3]) {
            let reading = TelemetryRecorded(
                metrics: members { $0.value() }, clock: .device, delay: one([0, 5, 90_000_000]),
                flags: ReadingFlags(time: .unset), provisional: true)
            unsettled.take(reading, at: time + .seconds(one([0, 1, 60])))
        }
        return unsettled
    }
}
