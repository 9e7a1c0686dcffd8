import Foundation

/// Registers the devices of a file, some hundreds a request, and keeps the keys they are given.
///
/// The keys are on disk before the next batch is counted as done, so whoever is killed goes on where the keys end. What
/// was registered without the answer arriving is refused the next time, by its serial number.
struct DeviceImport {
    struct Report: Equatable {
        var registered = 0
        var refused = 0
        /// By an earlier run.
        var known = 0
    }

    private struct Batch: Sendable {
        var lines: [(number: Int, serial: String)] = []
        var devices: [Data] = []
        var bytes = 0
    }

    /// Both below what a request may have.
    private static let mostDevices = 500
    private static let mostBytes = 512 << 10
    /// While one request is answered the next ones are decided and stored.
    private static let atOnce = 4

    let api: ImportAPI
    let files: ImportFiles
    let account: String?

    /// - Parameter progress: lines that are done, again and again.
    func run(_ lines: DeviceLines, _ progress: (Int) -> Void) async throws -> Report {
        var (report, done, lines) = (Report(), 0, lines)
        var firstLines: [String: Int] = [:]
        var failures: [any Error] = []
        await withTaskGroup(of: (Batch, Result<[ImportAPI.Outcome], any Error>).self) { group in
            var (underWay, isAtEnd) = (0, false)
            while true {
                while !isAtEnd, failures.isEmpty, underWay < Self.atOnce {
                    do {
                        let batch = try next(&lines, &firstLines, &report, &done)
                        isAtEnd = batch.devices.isEmpty
                        if isAtEnd { break }
                        group.addTask { [api, account] in (batch, await api.outcomes(of: batch.devices, account)) }
                        underWay += 1
                    } catch {
                        failures.append(error)
                    }
                }
                guard let (finished, outcomes) = await group.next() else { break }
                underWay -= 1
                // Whatever becomes of the others: the keys in an answer are given this once.
                do {
                    try note(finished, try outcomes.get(), &report)
                    done += finished.lines.count
                    progress(done)
                } catch {
                    failures.append(error)
                }
            }
        }
        guard let first = failures.first else { return report }
        let others = Set(failures.dropFirst().map { "\($0)" }).subtracting(["\(first)"])
        throw others.isEmpty ? first : SettingsError((["\(first)"] + others.sorted()).joined(separator: "\n"))
    }

    /// Empty at the end of the file.
    ///
    /// - Parameter firstLines: where each serial number stood first: batches overtake each other, lines must not.
    private func next(
        _ lines: inout DeviceLines, _ firstLines: inout [String: Int], _ report: inout Report, _ done: inout Int
    ) throws -> Batch {
        var batch = Batch()
        while batch.devices.count < Self.mostDevices, batch.bytes < Self.mostBytes, let line = lines.next() {
            switch line.content {
            case .success where files.known.contains(line.serial):
                report.known += 1
                done += 1
            case .success where firstLines[line.serial] != nil:
                let reason = "The serial number stands in line \(firstLines[line.serial] ?? 0) already."
                try files.append(refused: [(line.number, line.serial, reason)])
                report.refused += 1
                done += 1
            case .success(let device):
                firstLines[line.serial] = line.number
                batch.lines.append((line.number, line.serial))
                batch.devices.append(device)
                batch.bytes += device.count
            case .failure(let refusal):
                try files.append(refused: [(line.number, line.serial, refusal.reason)])
                report.refused += 1
                done += 1
            }
        }
        return batch
    }

    private func note(_ batch: Batch, _ outcomes: [ImportAPI.Outcome], _ report: inout Report) throws {
        var issued: [(serial: String, id: String, apiKey: String)] = []
        var refused: [(line: Int, serial: String, reason: String)] = []
        for (line, outcome) in zip(batch.lines, outcomes) {
            if let id = outcome.id, let key = outcome.apiKey {
                issued.append((line.serial, id, key))
            } else {
                refused.append((line.number, line.serial, outcome.problem?.detail ?? "The server did not say why."))
            }
        }
        try files.append(keys: issued)
        try files.append(refused: refused)
        report.registered += issued.count
        report.refused += refused.count
    }
}
