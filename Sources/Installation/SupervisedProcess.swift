package import Logging
import ServiceLifecycle

/// Keeps a server program running: started when it is down, started again with growing pauses when it dies,
/// stopped with the services.
///
/// Services stop in reverse order: put Postgres first, then the broker, then the server.
package struct SupervisedProcess: Service {
    package enum Change: Sendable, Equatable {
        case running(pid: Int32)
        case died(RunningProcess.Ending)
        case startFailed(InstallationError)
        case stopped
    }

    package struct Pauses: Sendable {
        package var first: Duration
        package var longest: Duration

        package init(first: Duration = .milliseconds(200), longest: Duration = .seconds(10)) {
            self.first = first
            self.longest = longest
        }
    }

    /// What happens, for one reader.
    package let changes: AsyncStream<Change>
    private let publish: AsyncStream<Change>.Continuation
    private let process: DaemonProcess
    private let pauses: Pauses
    private let logger: Logger

    package init(_ process: DaemonProcess, pauses: Pauses = Pauses(), logger: Logger) {
        self.process = process
        self.pauses = pauses
        self.logger = logger
        (changes, publish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    /// Runs until graceful shutdown or cancellation; throws only if the very first start fails.
    package func run() async throws {
        defer { publish.finish() }
        var pause = pauses.first
        var current: RunningProcess? = try await process.start()
        while true {
            if let started = current {
                publish.yield(.running(pid: started.pid))
                let since = ContinuousClock.now
                let ending = await attend(started)
                if isStopping { break }
                publish.yield(.died(ending))
                logger.error("died", metadata: ["program": "\(process.name)", "ending": "\(ending)"])
                if ContinuousClock.now - since > pauses.longest { pause = pauses.first }
            }
            try? await cancelWhenGracefulShutdown { [pause] in try await Task.sleep(for: pause) }
            if isStopping { break }
            pause = min(pause * 2, pauses.longest)
            current = await startAgain()
        }
        await process.stop()
        publish.yield(.stopped)
    }

    private var isStopping: Bool { Task.isCancelled || Task.isShuttingDownGracefully }

    /// Waits for the end of the process, which graceful shutdown and cancellation bring about.
    private func attend(_ running: RunningProcess) async -> RunningProcess.Ending {
        await withTaskGroup { group in
            group.addTask {
                try? await gracefulShutdown()
                if !running.hasEnded { await process.stop() }
            }
            group.addTask { await process.boundLog() }
            let ending = await running.ended()
            group.cancelAll()
            return ending
        }
    }

    private func startAgain() async -> RunningProcess? {
        do {
            return try await cancelWhenGracefulShutdown { try await process.start() }
        } catch {
            let reason = error as? InstallationError ?? .cancelled
            publish.yield(.startFailed(reason))
            logger.error("start failed", metadata: ["program": "\(process.name)", "reason": "\(reason)"])
            return nil
        }
    }
}
