import Runtime

/// How a device marks its messages.
enum Marking: String, Sendable, CaseIterable {
    case seqAndTime, time
    /// Nothing in the payload tells a repetition from news, but each payload differs.
    case nothing
    /// Not even that.
    case allAlike

    /// Whether a device may send a message again that was not acknowledged, without it being counted twice.
    var mayRepeat: Bool { self == .seqAndTime || self == .time }
}

/// What a device knows of its messages, by their numbers.
struct LoadRecord: Sendable {
    var device: String
    var marking: Marking
    /// The broker has said that it has them.
    var acknowledged: Set<Int> = []
    /// Sent, but the connection ended before the broker said so.
    var uncertain: Set<Int> = []
    /// How often the broker said that it threw a message away because nobody subscribes.
    var unheard = 0
}

/// A device that publishes at a steady rate, and keeps book of what the broker acknowledged.
actor LoadDevice {
    private let key: String
    private let port: Int
    private let pause: Duration
    private let thread: PollThread
    private var record: LoadRecord
    private var nextNumber = 1
    private var isStopping = false
    /// Sent on this connection and not acknowledged: packet id -> number.
    private var waiting: [UInt16: Int] = [:]
    /// To be sent again, with the very same payload.
    private var again: [Int] = []
    private var payloads: [Int: [UInt8]] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private static let window = 50

    init(_ device: API.Device, _ marking: Marking, port: Int, rate: Double, on thread: PollThread) {
        record = LoadRecord(device: device.id, marking: marking)
        id = device.id
        key = device.apiKey ?? ""
        self.port = port
        pause = .seconds(1 / rate)
        self.thread = thread
    }

    nonisolated let id: String
    var acknowledgedCount: Int { record.acknowledged.count }

    /// No new messages; `run()` returns when the broker has acknowledged those that it must.
    func stop() { isStopping = true }

    func run() async throws -> LoadRecord {
        while !isStopping || !again.isEmpty {
            try Task.checkCancellation()
            do {
                let connection = try await MQTTConnection.open(
                    port: port, user: record.device, password: key, on: thread)
                try await publish(over: connection)
            } catch let failure as MQTTConnection.Failure {
                if case .refused(let reason) = failure { throw Wrong("the broker refused a device: \(reason)") }
                lost()
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        return record
    }

    private func publish(over connection: MQTTConnection) async throws {
        var next = ContinuousClock.now
        while !isStopping || !again.isEmpty || !waiting.isEmpty {
            if ContinuousClock.now >= next, waiting.count < Self.window {
                next = max(next + pause, .now - .seconds(1))
                if let number = again.popLast() ?? newNumber() { try await send(number, over: connection) }
            }
            let deadline = waiting.count < Self.window ? next : .now + .seconds(1)
            guard let packet = try await connection.packet(until: min(deadline, .now + .milliseconds(200))) else {
                continue
            }
            guard case .publishAcknowledged(let id, let reason) = packet, let number = waiting.removeValue(forKey: id)
            else { continue }
            switch reason {
            case 0: record.acknowledged.insert(number)
            case 16:
                record.unheard += 1
                if record.marking.mayRepeat { again.append(number) }
            default: throw Wrong("the broker answered a publish with reason \(reason)")
            }
            if reason == 0 { payloads[number] = nil }
        }
    }

    private func newNumber() -> Int? {
        guard !isStopping else { return nil }
        defer { nextNumber += 1 }
        return nextNumber
    }

    private func send(_ number: Int, over connection: MQTTConnection) async throws {
        let payload = payloads[number] ?? Self.payload(number, record.marking)
        payloads[number] = payload
        do {
            waiting[try await connection.publish(payload, to: "devices/\(record.device)/telemetry")] = number
        } catch {
            if record.marking.mayRepeat { again.append(number) } else { record.uncertain.insert(number) }
            throw error
        }
    }

    private func lost() {
        for number in waiting.values.sorted(by: >) {
            if record.marking.mayRepeat { again.append(number) } else { record.uncertain.insert(number) }
        }
        waiting = [:]
    }

    /// A number, and two states: one that is said five times before it changes, and one that changes with each reading.
    private static func payload(_ number: Int, _ marking: Marking) -> [UInt8] {
        let metrics =
            #""n":\#(number),"warm":\#(number / 5 % 2 == 0),"mode":"\#(number.isMultiple(of: 2) ? "even" : "odd")""#
        let text =
            switch marking {
            case .seqAndTime: #"{"seq":\#(number),"ts":"\#(Timestamp.now())",\#(metrics)}"#
            case .time: #"{"ts":"\#(Timestamp.now())",\#(metrics)}"#
            case .nothing: "{\(metrics)}"
            case .allAlike: #"{"motion":true}"#
            }
        return Array(text.utf8)
    }
}
