#if SANITIZE_THREAD
    import Glibc

    /// Stands in for the standard library's `Mutex`, whose futex Thread Sanitizer does not see: it takes every access
    /// under one for a race. Only in builds with `-Xswiftc -DSANITIZE_THREAD`.
    struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
        // Initialised here, destroyed in deinit; pthread's functions may be called from any thread.
        nonisolated(unsafe) private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        // Touched between lock and unlock only.
        nonisolated(unsafe) private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

        init(_ initial: consuming sending Value) {
            value.initialize(to: initial)
            lock.initialize(to: pthread_mutex_t())
            pthread_mutex_init(lock, nil)
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
            value.deinitialize(count: 1)
            value.deallocate()
        }

        borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return try body(&value.pointee)
        }
    }
#endif
