internal import CLinux
import Glibc

/// A thread of the operating system, for C calls that block and for the poll thread itself.
package enum SystemThread {
    /// Runs `body` on a new detached thread; false if the system has no thread to give.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var thread = pthread_t()
        let refused = pthread_create(
            &thread, nil,
            { context in
                if let context {
                    let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                    clinux_name_this_thread(work.name)
                    work.body()
                }
                return nil
            }, work.toOpaque())
        guard refused == 0 else {
            work.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
