internal import CCurl
package import Runtime
import Synchronization

/// A thread of libcurl's own, on which many transfers run at once; only their results leave it.
///
/// It lives until `shutdown()` or `end()`; whoever makes it must end it.
package final class TransferThread: Sendable {
    private let state = Mutex(State())
    private let ended = ThreadEnd()
    /// Used on the thread; from elsewhere only to wake it, which libcurl allows, and only while the state is open.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer

    private struct State {
        var isOpen = true
        var count: UInt64 = 0
        var added: [Job] = []
        var cancelled: [UInt64] = []
    }

    private struct Job: Sendable {
        let id: UInt64
        let transfer: Transfer
        let continuation: CheckedContinuation<TransferEnd, Never>
    }

    private struct Running {
        let job: Job
        let handle: EasyHandle
        let start: ContinuousClock.Instant

        func end(_ result: CURLcode) -> TransferEnd {
            let code = ccurl_response_code(handle.pointer)
            let failure: TransferEnd.Failure? =
                switch result {
                case CURLE_OK: nil
                // The answer was complete for our purpose: its status is known.
                case CURLE_WRITE_ERROR where handle.saidTooMuch: nil
                case _ where handle.refusedAddress: .addressRefused
                case CURLE_LOGIN_DENIED: .loginDenied
                default: .other(String(cString: curl_easy_strerror(result)))
                }
            return TransferEnd(code: code > 0 ? code : nil, failure: failure, duration: .now - start)
        }
    }

    /// - Throws: when the system has no memory or thread left.
    package init(name: String) throws(SystemCallFailed) {
        guard Self.library == CURLE_OK, let multi = curl_multi_init() else {
            throw SystemCallFailed(call: "curl_multi_init", code: 12)
        }
        self.multi = multi
        guard SystemThread.start(name: name, { self.loop() }) else {
            curl_multi_cleanup(multi)
            throw SystemCallFailed(call: "pthread_create", code: 11)
        }
    }

    /// Once a process, before anything else of libcurl.
    private static let library = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// Ends the thread; transfers under way are interrupted.
    package func shutdown() {
        state.withLock { state in
            guard state.isOpen else { return }
            state.isOpen = false
            curl_multi_wakeup(multi)
        }
    }

    /// Shuts the thread down, and returns when it is through.
    package func end() async {
        shutdown()
        await ended.wait()
    }

    func perform(_ transfer: Transfer) async -> TransferEnd {
        let id = state.withLock { state in
            state.count += 1
            return state.count
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTaken = state.withLock { state in
                    guard state.isOpen, !Task.isCancelled else { return false }
                    state.added.append(Job(id: id, transfer: transfer, continuation: continuation))
                    curl_multi_wakeup(multi)
                    return true
                }
                if !isTaken { continuation.resume(returning: .interrupted) }
            }
        } onCancel: {
            state.withLock { state in
                guard state.isOpen else { return }
                state.cancelled.append(id)
                curl_multi_wakeup(multi)
            }
        }
    }

    // MARK: The thread

    private func loop() {
        var running: [UnsafeMutableRawPointer: Running] = [:]
        while true {
            let work = state.withLock { state in
                defer {
                    state.added = []
                    state.cancelled = []
                }
                return state
            }
            for job in work.added {
                if let started = start(job) { running[started.handle.pointer] = started }
            }
            for id in work.isOpen ? work.cancelled : running.values.map(\.job.id) {
                guard let found = running.first(where: { $0.value.job.id == id }) else { continue }
                running[found.key] = nil
                end(found.value, .interrupted)
            }
            guard work.isOpen else { break }
            var active: Int32 = 0
            curl_multi_perform(multi, &active)
            var result = CURLE_OK
            while let easy = ccurl_next_done(multi, &result) {
                guard let done = running.removeValue(forKey: easy) else { continue }
                end(done, done.end(result))
            }
            curl_multi_poll(multi, nil, 0, 1_000, nil)
        }
        curl_multi_cleanup(multi)
        ended.reach()
    }

    private func start(_ job: Job) -> Running? {
        guard let handle = EasyHandle(policy: job.transfer.policy) else {
            job.continuation.resume(returning: .failed(CURLE_OUT_OF_MEMORY))
            return nil
        }
        job.transfer.configure(handle)
        if let failure = handle.failure {
            job.continuation.resume(returning: .failed(failure))
            return nil
        }
        guard curl_multi_add_handle(multi, handle.pointer) == CURLM_OK else {
            job.continuation.resume(returning: .failed(CURLE_FAILED_INIT))
            return nil
        }
        return Running(job: job, handle: handle, start: .now)
    }

    private func end(_ running: Running, _ end: TransferEnd) {
        curl_multi_remove_handle(multi, running.handle.pointer)
        running.job.continuation.resume(returning: end)
    }
}

extension TransferEnd {
    fileprivate static let interrupted = TransferEnd(failure: .interrupted, duration: .zero)

    fileprivate static func failed(_ code: CURLcode) -> TransferEnd {
        TransferEnd(failure: .other(String(cString: curl_easy_strerror(code))), duration: .zero)
    }
}
