internal import CLibPQ

/// The right to ask the server to stop what a connection is doing.
final class CancelHandle: Sendable {
    // libpq documents PQcancel as safe from any thread: it reads the handle only, and nobody writes it before deinit.
    nonisolated(unsafe) private let handle: OpaquePointer

    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        PQfreeCancel(handle)
    }

    /// Opens a connection of its own for the request and waits until the server has taken it: blocks.
    func cancel() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            _ = PQcancel(handle, message.baseAddress, 256)
        }
    }
}
