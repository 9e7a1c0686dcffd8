import Dispatch
import Foundation
import Synchronization

/// A TCP connection that sends exactly what it is told; it blocks threads of its own, never the pool of the tests.
final class RawConnection: Sendable {
    private let handle: Int32
    private let queue = DispatchQueue(label: "raw-connection")
    private let unread = Mutex<[UInt8]>([])

    init(port: Int) throws {
        handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw ConnectionEnded(text: "cannot connect: errno \(errno)") }
    }

    deinit { close(handle) }

    struct ConnectionEnded: Error {
        let text: String
    }

    func send(_ text: String) async { await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async {
        await onQueue {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(self.handle, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return }
                sent += count
            }
        }
    }

    /// Everything up to and including `end`, which must come within `seconds`.
    func read(until end: String, within seconds: Int = 10) async throws -> String {
        try await onQueue { try self.readNow(until: Array(end.utf8), seconds).get() }
    }

    /// Everything until the peer closes.
    func readToEnd(within seconds: Int = 10) async throws -> String {
        try await onQueue { try self.readNow(until: nil, seconds).get() }
    }

    private func readNow(until end: [UInt8]?, _ seconds: Int) -> Result<String, ConnectionEnded> {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if let end, let text = take(until: end) { return .success(text) }
            var poller = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            let left = deadline - .now
            guard left > .zero, poll(&poller, 1, Int32(left / .milliseconds(1))) > 0 else {
                return .failure(ConnectionEnded(text: "nothing more within \(seconds) s after: \(rest)"))
            }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(handle, &buffer, buffer.count, 0)
            if count > 0 {
                unread.withLock { $0 += buffer[..<count] }
            } else if end == nil {
                return .success(rest)
            } else {
                return .failure(ConnectionEnded(text: "closed after: \(rest)"))
            }
        }
    }

    private var rest: String { unread.withLock { String(decoding: $0, as: UTF8.self) } }

    private func take(until end: [UInt8]) -> String? {
        unread.withLock { bytes in
            guard bytes.count >= end.count else { return nil }
            for start in 0...(bytes.count - end.count) where bytes[start..<start + end.count].elementsEqual(end) {
                let text = String(decoding: bytes[..<(start + end.count)], as: UTF8.self)
                bytes.removeFirst(start + end.count)
                return text
            }
            return nil
        }
    }

    private func onQueue<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { done in
            queue.async { done.resume(with: Result { try work() }) }
        }
    }

    private func onQueue(_ work: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { done in
            queue.async {
                work()
                done.resume()
            }
        }
    }
}
