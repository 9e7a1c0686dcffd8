import Aggregates
import Foundation
import Installation
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A device's status` {
    private let topic = "devices/d1/status"

    @Test func `is recorded in order with its readings`() async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher()
            try await device.publish([
                (topic, text(#"{"online":true,"firmware":"1.4.2"}"#)), ("devices/d1/telemetry", text(#"{"a":1}"#)),
                (topic, text(#"{"online":false}"#)),
            ])
            try await eventually { harness.happenings.tally.messages == 3 }
            #expect(
                try await harness.events(of: "d1").map(\.type) == [
                    "DeviceRegistered", "DeviceConnected", "TelemetryRecorded", "DeviceDisconnected",
                ])
            let connectivity = try await harness.directory.recall("d1").state.connectivity
            #expect(connectivity.presence == .offline && connectivity.firmware == "1.4.2")
            #expect(harness.happenings.tally.readings == 1)
        }
    }

    @Test func `turns offline by the last will of a device that is killed`() async throws {
        try await GatewayHarness.with { harness in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_sub")
            let broker = harness.broker.gatewayAddress
            process.arguments = [
                "-h", broker.host, "-p", "\(broker.port)", "-u", broker.username, "-P", broker.password, "-i", "killed",
                "-t", "devices/d1/commands", "--will-topic", topic, "--will-payload", #"{"online":false}"#,
                "--will-retain", "--will-qos", "1",
            ]
            let folder = try ThrowawayFolder.make()
            defer { ThrowawayFolder.remove(folder) }
            let output = folder + "/output"
            #expect(FileManager.default.createFile(atPath: output, contents: nil))
            process.standardOutput = FileHandle(forWritingAtPath: output)
            let device = try await harness.publisher()
            try await device.retain("there", at: "devices/d1/commands")
            try process.run()
            defer { if process.isRunning { process.terminate() } }
            try await device.publish([#"{"online":true}"#], to: topic)
            try await eventually { try await harness.directory.recall("d1").state.connectivity.presence == .online }
            // It has to be there before it can be missed.
            try await eventually(within: .seconds(60)) {
                try String(contentsOfFile: output, encoding: .utf8).contains("there")
            }
            kill(process.processIdentifier, SIGKILL)
            try await eventually { try await harness.directory.recall("d1").state.connectivity.presence == .offline }
        }
    }

    @Test func `that is retained opens no session when ingest comes again, nor when it is delivered again`()
        async throws
    {
        let broker = try await ThrowawayBroker.start()
        let store = InMemoryEventStore()
        let directory = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
        try await GatewayHarness.with(broker: broker, store: store, directory: directory) { harness in
            let device = try await harness.publisher()
            try await device.retain(#"{"online":true}"#, at: topic)
            try await eventually { harness.happenings.tally.recorded == 1 }
        }
        // Another client id is another session, to which the broker might send all that is retained.
        for server in ["s1", "s2"] {
            try await GatewayHarness.with(
                broker: broker, store: store, devices: [], server: server, directory: directory
            ) { harness in
                let device = try await harness.publisher()
                try await device.retain(#"{"online":true}"#, at: topic)
                try await device.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
                try await eventually { harness.happenings.tally.readings == 1 }
            }
        }
        #expect(try await directory.recall("d1").state.connectivity.sessions == 1)
        await broker.remove()
    }

    @Test(arguments: ["", "{}", "nonsense", #"{"online":1}"#, #"{"online":true,"firmware":""}"#])
    func `that cannot be understood is refused and noted`(payload: String) async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher()
            try await device.publish([payload], to: topic)
            try await eventually { harness.happenings.tally.malformed == 1 }
            #expect(try await harness.events(of: "d1").map(\.type) == ["DeviceRegistered", "MessageRefused"])
        }
    }

    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }
}
