import Foundation
import Logging
import Support
import Testing

@testable import Installation

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A server program that takes long` {
    private let log = KeptLog()

    @Test func `to be ready is waited for and not begun anew, and the log says so`() async throws {
        let daemon = try SlowDaemon(patience: Patience(notice: .milliseconds(10), stop: .seconds(60))) { [log] in
            log.count(of: "not ready yet") >= 3
        }
        let process = DaemonProcess(daemon, logger: log.logger)
        let running = try await process.start()
        #expect(daemon.launches == 1)
        #expect(await process.running?.pid == running.pid)
        await process.kill()
        daemon.remove()
    }

    @Test func `to stop is not killed while it gets on, and the log says so`() async throws {
        let patience = Patience(notice: .milliseconds(10), stop: .milliseconds(1), look: .milliseconds(5))
        let daemon = try SlowDaemon(patience: patience, stopsAfter: 20)
        let process = DaemonProcess(daemon, logger: log.logger)
        let running = try await process.start()
        await process.stop()
        #expect(await running.ended() == .exited(7))
        #expect(log.count(of: "not stopped yet") > 0)
        daemon.remove()
    }

    @Test func `to stop and does not get on is killed`() async throws {
        let patience = Patience(stop: .milliseconds(50), look: .milliseconds(5))
        let daemon = try SlowDaemon(patience: patience, stopsAfter: nil)
        let process = DaemonProcess(daemon, logger: log.logger)
        let running = try await process.start()
        await process.stop()
        #expect(await running.ended() == .signalled(SIGKILL))
        daemon.remove()
    }

    @Test func `to stop for another's sake is treated alike`() async throws {
        let (first, patience) = (
            try SlowDaemon(patience: Patience()), Patience(stop: .milliseconds(50), look: .milliseconds(5))
        )
        let left = try await DaemonProcess(first, logger: log.logger).start()
        let second = try SlowDaemon(patience: patience, stopsAfter: nil, replacing: [left])
        let process = DaemonProcess(second, logger: log.logger)
        try await process.start()
        #expect(await left.ended() == .signalled(SIGKILL))
        await process.kill()
        first.remove()
        second.remove()
    }

    @Test func `to be ready stops when that is wished`() async throws {
        let daemon = try SlowDaemon(patience: Patience(notice: .milliseconds(10))) { false }
        let process = DaemonProcess(daemon, logger: log.logger)
        let start = Task { try await process.start() }
        while log.count(of: "not ready yet") == 0 { await Task.yield() }
        start.cancel()
        await #expect(throws: InstallationError.cancelled) { try await start.value }
        #expect(await process.running == nil)
        daemon.remove()
    }
}
