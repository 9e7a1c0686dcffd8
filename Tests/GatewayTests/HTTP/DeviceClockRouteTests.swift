import Aggregates
import Foundation
import Runtime
import Testing

@Suite struct `The clock of a device over HTTP` {
    private func report(_ minutes: Int64, ahead: Duration, from device: String, _ gateway: TestGateway) async throws {
        for minute in 0..<minutes {
            let arrival = Timestamp.now() - .seconds((minutes - minute) * 60)
            let reading = Telemetry(
                metrics: ["temperature": .number(Double(minute))], seq: nil, clock: .device, arrival: arrival)
            let context = CommandContext(time: arrival + ahead, principal: .device(device), scope: .all)
            try await gateway.devices.send(
                CommandEnvelope(id: .v7(), .recordTelemetry(reading), context: context), to: device)
        }
    }

    @Test func `is shown with its confidence, found in the list, and counted`() async throws {
        try await TestGateway.with { gateway in
            let (wrong, right) = (try await gateway.register("wrong"), try await gateway.register("right"))
            let silent = try await gateway.register("silent")
            try await report(6, ahead: .seconds(7_200), from: wrong, gateway)
            try await report(6, ahead: .seconds(2), from: right, gateway)
            let device = try await gateway.ask("GET", "/api/v1/devices/\(wrong)")
            let clock = try #require(device.json["clock"] as? [String: Any])
            #expect(clock["state"] as? String == "drifted")
            #expect(clock["offsetSeconds"] as? Double == 7_200)
            #expect(clock["confidenceSeconds"] as? Double == 1)
            let flags = try #require(device.json["flags"] as? [String: Any])
            #expect(flags["clock"] as? String == "future" && flags["schema"] == nil)
            // As it was made, not as the device says.
            let observed = try #require(Timestamp(device[text: "lastObservedTime"] ?? ""))
            #expect(observed < .now())
            for (id, state) in [(right, "right"), (silent, "unknown")] {
                let other = try await gateway.ask("GET", "/api/v1/devices/\(id)").json["clock"] as? [String: Any]
                #expect(other?["state"] as? String == state)
            }
            let list = try await gateway.ask("GET", "/api/v1/devices?clock=drifted")
            #expect(list.items.compactMap { $0["id"] as? String } == [wrong])
            #expect(try await gateway.ask("GET", "/api/v1/devices?clock=right").status == 400)
            let metrics = try await gateway.ask("GET", "/metrics")
            #expect(metrics.body.contains("fleetlog_drifted_clocks 1"))
        }
    }
}
