import Foundation
import Installation
import Logging
import ServiceLifecycle
import Support
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A supervised process` {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func `is started again when it dies, and stopped at graceful shutdown`() async throws {
        let broker = try ThrowawayBroker.prepare(in: ThrowawayFolder.make(), port: freePort())
        let supervised = SupervisedProcess(
            broker.broker.process, pauses: .init(first: .milliseconds(10)), logger: logger)
        let group = ServiceGroup(services: [supervised], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var changes = supervised.changes.makeAsyncIterator()
            guard case .running(let first) = await changes.next() else { throw Unexpected(what: "did not start") }
            kill(first, SIGKILL)
            #expect(await changes.next() == .died(.signalled(SIGKILL)))
            guard case .running(let second) = await changes.next() else { throw Unexpected(what: "did not return") }
            #expect(second != first)
            try await publish(to: broker, as: broker.gateway)
            await group.triggerGracefulShutdown()
            #expect(await changes.next() == .stopped)
            #expect(kill(second, 0) != 0)
            try await tasks.waitForAll()
        }
        #expect(try broker.log.contains("terminating"))
    }

    @Test func `that cannot start ends the program with the reason`() async throws {
        let taken = try await ThrowawayBroker.start()
        let broker = try ThrowawayBroker.prepare(in: ThrowawayFolder.make(), port: taken.port)
        let supervised = SupervisedProcess(broker.broker.process, logger: logger)
        await #expect(throws: InstallationError.self) { try await supervised.run() }
        await taken.remove()
    }

    @Test func `is tried again and again while it cannot start`() async throws {
        let broker = try await ThrowawayBroker.start()
        let supervised = SupervisedProcess(
            broker.broker.process, pauses: .init(first: .milliseconds(10), longest: .milliseconds(20)), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await supervised.run() }
            var changes = supervised.changes.makeAsyncIterator()
            _ = await changes.next()
            // Where its copy of the guard is made: it cannot be written.
            let obstacle = broker.files.guardLibrary + ".new"
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
            await broker.kill()
            guard case .died = await changes.next(), case .startFailed = await changes.next() else {
                throw Unexpected(what: "should fail")
            }
            try FileManager.default.removeItem(atPath: obstacle)
            while let change = await changes.next() {
                if case .running = change { break }
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
        #expect(await broker.broker.process.running == nil)
    }

    @Test func `does not get the terminal's Ctrl-C`() async throws {
        let broker = try await ThrowawayBroker.start()
        let pid = try #require(await broker.broker.process.running).pid
        #expect(getsid(pid) == pid)
        await broker.remove()
    }
}
