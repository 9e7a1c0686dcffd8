import CProcess
import Foundation
import Synchronization

/// A process that we started or took over, held by a descriptor so that a signal never hits a later
/// process with the same number.
package final class RunningProcess: Sendable {
    /// How a process ended; of one that is not our child only the fact is known.
    package enum Ending: Sendable, Equatable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)
        case unknown

        package var description: String {
            switch self {
            case .exited(let status): "exit status \(status)"
            case .signalled(let signal): "signal \(signal)"
            case .unknown: "ended"
            }
        }
    }

    private enum Life {
        case running(waiting: [CheckedContinuation<Ending, Never>])
        case ended(Ending)
    }

    package let pid: Int32
    private let descriptor: CInt
    private let life = Mutex(Life.running(waiting: []))

    /// A child of ours, from just after it was spawned.
    init(child pid: pid_t) throws(InstallationError) {
        self.pid = pid
        descriptor = pidfd_open(pid, 0)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            throw .spawnFailed(program: "pidfd_open", reason: reason)
        }
        watch(isChild: true)
    }

    /// Any process; nil if it is gone, or if `isStillIt` denies it once it can no longer be replaced unnoticed.
    init?(adopting pid: pid_t, isStillIt: () -> Bool) {
        self.pid = pid
        descriptor = pidfd_open(pid, 0)
        guard descriptor >= 0, isStillIt() else { return nil }
        watch(isChild: false)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    package var hasEnded: Bool {
        life.withLock { life in
            switch life {
            case .running: false
            case .ended: true
            }
        }
    }

    /// Waits for the end; not cut short by cancellation, so stop the process to end the wait.
    package func ended() async -> Ending {
        await withCheckedContinuation { continuation in
            let already: Ending? = life.withLock { life in
                switch life {
                case .running(let waiting):
                    life = .running(waiting: waiting + [continuation])
                    return nil
                case .ended(let ending):
                    return ending
                }
            }
            if let already { continuation.resume(returning: already) }
        }
    }

    package func send(_ signal: CInt) {
        _ = pidfd_send_signal(descriptor, signal, nil, 0)
    }

    // A thread, because waiting blocks and the cooperative pool must not; it keeps `self` until the end.
    private func watch(isChild: Bool) {
        let thread = Thread { [self] in
            var end = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&end, 1, -1) < 0, errno == EINTR {}
            finish(isChild ? reap() : .unknown)
        }
        thread.stackSize = 128 * 1024
        thread.name = "process \(pid)"
        thread.start()
    }

    private func reap() -> Ending {
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else { return .unknown }
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }

    private func finish(_ ending: Ending) {
        let waiting: [CheckedContinuation<Ending, Never>] = life.withLock { life in
            defer { life = .ended(ending) }
            switch life {
            case .running(let waiting): return waiting
            case .ended: return []
            }
        }
        for continuation in waiting { continuation.resume(returning: ending) }
    }
}
