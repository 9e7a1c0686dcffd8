import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A device that sends what it has kept for a week` {
        @Test func `is held to the rate of its type, and has each reading stored once`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                try await api.define("meter", limits: #"{"messagesPerMinute":60000,"messageBurst":500}"#)
                let probe = try await api.register("meter-0", type: "meter")
                try await eventually("the type's rate holds") {
                    let readings = KeptReadings(1_500, of: probe, in: system)
                    try await readings.sendAll()
                    return await readings.cutOff > 0
                }
                let device = try await api.register("meter-1", type: "meter")
                let buffer = KeptReadings(3_000, of: device, in: system)
                let start = ContinuousClock.now
                try await buffer.sendAll()
                let took = ContinuousClock.now - start
                guard await buffer.cutOff > 0, took > .seconds(2) else {
                    throw Wrong("nothing held it back: \(took)")
                }
                try await eventually("all are stored") {
                    try await api.device(device.id).telemetryCount >= 3_000
                }
                let stored = try await system.texts(
                    "stored numbers",
                    "select data ->> 'seq' from events where stream = $1 and type = 'TelemetryRecorded' order by version",
                    [.text("device-\(device.id)")])
                guard stored.count == 3_000, Set(stored) == Set((1...3_000).map { "\($0)" }) else {
                    throw Wrong("\(stored.count) readings are stored, \(Set(stored).count) of them different")
                }
                try await eventually("the excess is noted") {
                    try await system.texts(
                        "noted excess",
                        "select data ->> 'limited' from events where stream = $1 and type = 'AccessRefused'",
                        [.text("device-\(device.id)")]
                    ).contains { $0 != "0" }
                }
                try await system.viewsCaughtUp()
                try await Checker(system: system).logIsSound()
            }
        }
    }

    @Suite(.timeLimit(.minutes(2))) struct `The limits of a device` {
        @Test func `are its own, else its type's, and hold as soon as they are said`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                let device = try await api.register("slow-1", type: "slow")
                let topic = "devices/\(device.id)/telemetry"
                func open(_ version: UInt8) async throws -> MQTTConnection {
                    let login = MQTTLogin(user: device.id, password: device.apiKey, version: version)
                    return try await MQTTConnection.open(port: system.broker.port, login, on: system.thread)
                }
                /// The answers to three messages; nil where the connection ended instead.
                func answers(_ connection: MQTTConnection, version: UInt8 = 5) async -> [UInt8?] {
                    var answers: [UInt8?] = []
                    for number in 1...3 {
                        answers.append(
                            try? await connection.deliver(
                                Array(#"{"a":\#(number)}"#.utf8), to: topic, version: version))
                    }
                    return answers
                }
                let first = await answers(try await open(5))
                guard first == [0, 0, 0] else { throw Wrong("without limits: \(first)") }
                // The device's own: two messages, and no more for a long while.
                try await api.limit(device.id, #"{"messagesPerMinute":1,"messageBurst":2,"excess":"drop"}"#)
                let told = await answers(try await open(5))
                guard told == [0, 0, 0x87] else { throw Wrong("who hears of it: \(told)") }
                try await api.limit(device.id, #"{"messagesPerMinute":1,"messageBurst":1,"excess":"drop"}"#)
                let deaf = await answers(try await open(4), version: 4)
                guard deaf == [0, nil, nil] else { throw Wrong("who would not hear of it: \(deaf)") }
                // The type's, as soon as it has some, under what is left of the device's own.
                try await api.limit(device.id, "null")
                try await api.define("slow", limits: #"{"messagesPerMinute":1,"messageBurst":3}"#)
                try await api.limit(device.id, #"{"messageBurst":2}"#)
                try await eventually("the type's rate holds") { await answers(try await open(5)) == [0, 0, nil] }
                try await api.define("slow", limits: #"{"messagesPerMinute":0}"#)
                try await eventually("the type's new rate holds") { await answers(try await open(5)) == [0, 0, 0] }
                // By now nothing of the device itself is left to be told.
                try await api.define("slow", limits: #"{"messagesPerMinute":1}"#)
                try await eventually("the type's last rate holds") { await answers(try await open(5)) == [0, 0, nil] }
            }
        }
    }
}

/// A device's buffer: sends what is not acknowledged, as fast as it can, and again after each end of its connection.
private actor KeptReadings {
    private static let window = 200
    private let device: API.Device
    private let system: TestedSystem
    private var unsent: [Int]
    private var waiting: [UInt16: Int] = [:]
    private(set) var cutOff = 0

    init(_ count: Int, of device: API.Device, in system: TestedSystem) {
        self.device = device
        self.system = system
        unsent = (1...count).reversed()
    }

    func sendAll() async throws {
        while !unsent.isEmpty || !waiting.isEmpty {
            do {
                try await sendOverOneConnection()
            } catch is MQTTConnection.Failure {
                cutOff += 1
                unsent += waiting.values.sorted(by: >)
                waiting = [:]
                // As clients do before they connect again.
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private func sendOverOneConnection() async throws {
        let connection = try await MQTTConnection.open(
            port: system.broker.port, user: device.id, password: device.apiKey ?? "", on: system.thread)
        while !unsent.isEmpty || !waiting.isEmpty {
            while waiting.count < Self.window, let number = unsent.last {
                let reading = #"{"seq":\#(number),"ts":"2026-11-14T04:00:00.\#(1_000 + number)Z","level":1}"#
                let id = try await connection.publish(Array(reading.utf8), to: "devices/\(device.id)/telemetry")
                unsent.removeLast()
                waiting[id] = number
            }
            guard let packet = try await connection.packet(until: .now + .seconds(30)) else {
                throw MQTTConnection.Failure.timedOut
            }
            guard case .publishAcknowledged(let id, let reason) = packet else { continue }
            guard reason == 0 || reason == 16 else { throw Wrong("a reading was answered \(reason)") }
            waiting[id] = nil
        }
    }
}

extension API {
    fileprivate func register(_ serial: String, type: String) async throws -> Device {
        try await send("POST", "/api/v1/devices", #"{"serial":"\#(serial)","type":"\#(type)"}"#).value()
    }

    fileprivate func define(_ type: String, limits: String) async throws {
        let answer = try await send(
            "PUT", "/api/v1/accounts/default/device-types/\(type)", #"{"metrics":{},"limits":\#(limits)}"#)
        guard answer.status == 201 || answer.status == 200 else { throw Wrong("a type was answered \(answer.text)") }
    }

    fileprivate func limit(_ device: String, _ limits: String) async throws {
        let answer = try await send("PATCH", "/api/v1/devices/\(device)", #"{"limits":\#(limits)}"#)
        guard answer.status == 200 else { throw Wrong("limits were answered \(answer.status) \(answer.text)") }
    }
}

extension MQTTConnection {
    /// Publishes with QoS 1 in the form of the version, and waits for the broker's answer.
    fileprivate func deliver(_ payload: [UInt8], to topic: String, version: UInt8) async throws -> UInt8 {
        let id = UInt16.random(in: 1 ... .max)
        try await write(
            MQTTPacket.publish(
                payload, to: Array(topic.utf8), packetID: id, qos: 1, isRetained: false, version: version))
        while let packet = try await packet(until: .now + .seconds(30)) {
            if case .publishAcknowledged(id, let reason) = packet { return reason }
        }
        throw Failure.timedOut
    }
}
