import Foundation
import Logging

/// One server program as a child process: started or taken over, stopped, killed, started again.
///
/// It goes on when this process is killed; the next start takes it over.
package actor DaemonProcess {
    private enum State {
        case down
        case starting
        case up(RunningProcess)
    }

    package nonisolated let name: String
    private let daemon: any Daemon
    private let logger: Logger
    private var state = State.down

    init(_ daemon: any Daemon, logger: Logger) {
        name = daemon.name
        self.daemon = daemon
        self.logger = logger
    }

    /// The process while it runs.
    package var running: RunningProcess? {
        switch state {
        case .up(let process): process.hasEnded ? nil : process
        case .down, .starting: nil
        }
    }

    /// Starts the program, or takes over one left running, and returns when it is ready, however long that takes;
    /// cancellation stops it again.
    @discardableResult
    package func start() async throws(InstallationError) -> RunningProcess {
        if let running { return running }
        if case .starting = state { throw .startFailed(program: name, ending: "", log: daemon.log, lastLines: "") }
        state = .starting
        do throws(InstallationError) {
            let process = try await takeOverOrLaunch()
            do throws(InstallationError) {
                try await daemon.finish()
            } catch {
                await end(process)
                throw error
            }
            state = .up(process)
            return process
        } catch {
            state = .down
            throw error
        }
    }

    /// Stops cleanly, and by force when that does not get on.
    package func stop() async {
        guard let process = running else { return }
        await end(process)
        logger.info("stopped", metadata: ["program": "\(name)"])
    }

    /// Kills without warning, as a crash would.
    package func kill() async {
        guard let process = running else { return }
        process.send(SIGKILL)
        _ = await process.ended()
    }

    package func restart() async throws(InstallationError) {
        await stop()
        try await start()
    }

    /// Keeps what the program prints within its bounds, from now on until this is cancelled.
    func boundLog() async {
        let bounds = daemon.logBounds
        repeat {
            do throws(InstallationError) {
                try DaemonLog.bound(daemon.log, bounds)
            } catch {
                logger.warning("log not cut", metadata: ["program": "\(name)", "reason": "\(error)"])
            }
        } while (try? await Task.sleep(for: bounds.look)) != nil
    }

    func send(_ signal: CInt) throws(InstallationError) {
        guard let running else { throw .notRunning(program: name) }
        running.send(signal)
    }

    private func takeOverOrLaunch() async throws(InstallationError) -> RunningProcess {
        let left = daemon.leftovers()
        for other in left.others {
            // Its clients notice: it is told whatever else is.
            logger.warning(
                "stopped, to be started anew",
                metadata: ["program": "\(name)", "pid": "\(other.process.pid)", "reason": "\(other.reason)"])
            await end(other.process)
        }
        if let process = left.asWanted {
            try await waitUntilReady(process)
            logger.info("taken over", metadata: ["program": "\(name)", "pid": "\(process.pid)"])
            return process
        }
        let command = try await daemon.prepare()
        let log = try DaemonLog.open(daemon.log, bounds: daemon.logBounds)
        defer { close(log) }
        let process = try Launch(
            executable: command.executable, arguments: command.arguments, folder: command.folder,
            user: command.user, output: log, errors: log
        ).start()
        try await waitUntilReady(process)
        logger.info("started", metadata: ["program": "\(name)", "pid": "\(process.pid)"])
        return process
    }

    private func waitUntilReady(_ process: RunningProcess) async throws(InstallationError) {
        let begin = ContinuousClock.now
        var told = Duration.zero
        while !daemon.isReady(process) {
            if process.hasEnded {
                throw .startFailed(
                    program: name, ending: await process.ended().description, log: daemon.log,
                    lastLines: DaemonLog.lastLines(of: daemon.log))
            }
            let waited = ContinuousClock.now - begin
            if waited - told >= daemon.patience.notice {
                told = waited
                notice("not ready yet", process, since: begin)
            }
            // The program does not tell when it is ready: it must be asked again and again.
            do {
                try await Task.sleep(for: .milliseconds(20))
            } catch {
                await end(process)
                throw .cancelled
            }
        }
    }

    private func end(_ process: RunningProcess) async {
        process.send(daemon.stopSignal)
        // Not a child task: the force must be used even if the one who waits has been cancelled.
        let watch = Task { try await forceWhenStuck(process) }
        _ = await process.ended()
        watch.cancel()
    }

    /// Kills a process that was told to stop and does not get on with it.
    private func forceWhenStuck(_ process: RunningProcess) async throws {
        let (begin, patience) = (ContinuousClock.now, daemon.patience)
        var (progress, moved, told) = (daemon.stopProgress, begin, begin)
        while true {
            try await Task.sleep(for: patience.look)
            let (now, seen) = (ContinuousClock.now, daemon.stopProgress)
            if seen != progress { (progress, moved) = (seen, now) }
            if now - moved >= patience.stop {
                logger.error("killed, since its stop does not get on", metadata: metadata(process, since: begin))
                return process.send(SIGKILL)
            }
            if now - told >= patience.notice {
                told = now
                notice("not stopped yet", process, since: begin)
            }
        }
    }

    private func notice(_ what: Logger.Message, _ process: RunningProcess, since begin: ContinuousClock.Instant) {
        logger.warning(what, metadata: metadata(process, since: begin))
    }

    private func metadata(_ process: RunningProcess, since begin: ContinuousClock.Instant) -> Logger.Metadata {
        let seconds = (ContinuousClock.now - begin).components.seconds
        return ["program": "\(name)", "pid": "\(process.pid)", "seconds": "\(seconds)", "log": "\(daemon.log)"]
    }
}
