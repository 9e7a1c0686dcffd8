import Foundation

/// A device's firmware: what it runs, and what it does about a message on its firmware topic.
struct DeviceFirmware: Sendable {
    /// What the device says on `devices/{d}/firmware/status`.
    struct Report: Sendable, Equatable, Encodable {
        enum Status: String, Sendable, Encodable {
            case downloading, installing, succeeded, failed
        }
        var rollout: String
        var status: Status
        var version: String
        var detail: String?

        var payload: [UInt8] { (try? JSONEncoder().encode(self)).map { Array($0) } ?? [] }
        var isEnd: Bool { status == .succeeded || status == .failed }
        /// Not that it fell back.
        var hasSucceeded: Bool { status == .succeeded && version != DeviceFirmware.factoryVersion }
    }

    /// A report and how long after the one before it is made.
    struct Step: Sendable, Equatable {
        var delay: Duration
        var report: Report
    }

    private struct Message: Decodable {
        var rollout: String
        var version: String
    }

    static let factoryVersion = "1.0"

    let habit: FirmwareHabit
    /// The stretch of all delays; 1 is for people who watch.
    private let pace: Double
    private var random: SeededRandom
    private(set) var version = factoryVersion
    /// The rollout whose installation is under way.
    private var underWay: String?
    private var tries: [String: Int] = [:]

    init(_ habit: FirmwareHabit, pace: Double, random: SeededRandom) {
        self.habit = habit
        self.pace = pace
        self.random = random
    }

    /// The steps that follow from a message; an empty one takes an earlier one back.
    mutating func received(_ payload: [UInt8]) -> [Step] {
        guard let message = try? JSONDecoder().decode(Message.self, from: Data(payload)) else {
            if payload.isEmpty { underWay = nil }
            return []
        }
        // The broker repeats what is retained whenever the device comes back.
        guard underWay != message.rollout else { return [] }
        func report(_ status: Report.Status, _ version: String? = nil, detail: String? = nil) -> Report {
            Report(rollout: message.rollout, status: status, version: version ?? message.version, detail: detail)
        }
        if version == message.version { return [Step(delay: .zero, report: report(.succeeded))] }
        underWay = message.rollout
        tries[message.rollout, default: 0] += 1
        var reports = [report(.downloading)]
        switch habit {
        case .normal: reports += [report(.installing), report(.succeeded)]
        case .reportsTwice:
            reports += [report(.downloading), report(.installing), report(.installing)]
            reports += [report(.succeeded), report(.succeeded)]
        case .stumbles where tries[message.rollout] == 1: reports.append(report(.failed, detail: "no space left"))
        case .stumbles: reports += [report(.installing), report(.succeeded)]
        case .fails: reports += [report(.installing), report(.failed, detail: "the checksum does not match")]
        case .hangs: break
        case .fallsBack: reports += [report(.installing), report(.succeeded, version)]
        }
        return reports.map { Step(delay: .seconds(Double.random(in: 2...6, using: &random) * pace), report: $0) }
    }

    /// Whether the step is still to be made; what it reports is true from then on.
    mutating func performs(_ report: Report) -> Bool {
        // It may say twice, or be asked again, what it runs.
        guard underWay == report.rollout || version == report.version else { return false }
        if report.hasSucceeded { version = report.version }
        if report.isEnd { underWay = nil }
        return true
    }

    /// The connection is gone, and with it whatever was to be said; the broker repeats what is retained.
    mutating func connectionLost() {
        if habit != .hangs { underWay = nil }
    }
}
