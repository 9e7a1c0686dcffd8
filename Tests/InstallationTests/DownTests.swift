import Foundation
import Support
import Testing

@testable import Installation

@Suite(.serialized, .timeLimit(.minutes(2))) struct `What make down runs` {
    @Test func `stops the broker that was left running, and nobody else who works in its folder`() async throws {
        let broker = try await ThrowawayBroker.start()
        let pid = try #require(await broker.broker.process.running).pid
        let log = try DaemonLog.open(broker.folder + "/bystander.log")
        defer { close(log) }
        let bystander = try Launch(
            executable: "/bin/sleep", arguments: ["100"], folder: broker.folder + "/mosquitto/data", output: log,
            errors: log
        ).start()
        let said = try await run("/bin/bash", [Self.script, broker.folder])
        #expect(said == "Stopping mosquitto (process \(pid)), which was left running")
        try await eventually("the broker's end") { await broker.broker.process.running == nil }
        #expect(!bystander.hasEnded)
        bystander.send(SIGKILL)
        _ = await bystander.ended()
        await broker.remove()
    }

    private static let script =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path + "/scripts/down"
}
