/// Compares what the broker acknowledged to one device with what its stream holds. Pure: pages come in from outside.
struct StreamCheck: Sendable {
    let device: String
    let scenario: ScenarioName
    private let acknowledged: SeqSet
    /// Lower numbers belong to earlier runs.
    private let firstSeq: Int64
    private var found = SeqSet()
    private var again = SeqSet()
    /// Where to read on.
    private(set) var place: String

    init(_ outcome: DeviceOutcome, firstSeq: Int64, after version: Int64) {
        device = outcome.id
        scenario = outcome.scenario
        acknowledged = outcome.acknowledged
        self.firstSeq = firstSeq
        place = "\(version)"
    }

    mutating func take(_ page: EventPage) {
        for item in page.items where item.type == "TelemetryRecorded" {
            guard let seq = item.data.seq, seq >= firstSeq else { continue }
            if !found.insert(seq) { again.insert(seq) }
        }
        place = page.next ?? page.items.last.map { "\($0.version)" } ?? place
    }

    var result: ScenarioResult {
        let missing = acknowledged.count(missingIn: found)
        return ScenarioResult(
            devices: 1, acknowledged: acknowledged.count, found: acknowledged.count - missing, missing: missing,
            doubled: again.count)
    }
}

/// What became of the readings that were acknowledged to the devices of one scenario.
package struct ScenarioResult: Sendable, Equatable {
    package var devices = 0
    /// Different readings; one that was sent twice counts once.
    package var acknowledged = 0
    package var found = 0
    package var missing = 0
    /// Stored more than once, acknowledged or not.
    package var doubled = 0

    package var isExact: Bool { missing == 0 && doubled == 0 }

    static func + (left: ScenarioResult, right: ScenarioResult) -> ScenarioResult {
        ScenarioResult(
            devices: left.devices + right.devices, acknowledged: left.acknowledged + right.acknowledged,
            found: left.found + right.found, missing: left.missing + right.missing,
            doubled: left.doubled + right.doubled)
    }
}
