import Foundation
import Runtime

/// A request as no library would send it.
struct RawRequest: ~Copyable {
    private let socket: CInt
    private let thread: PollThread

    init(port: Int, on thread: PollThread) throws {
        self.thread = thread
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafeBytes(of: &name) {
            connect(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard status == 0 else { throw Wrong("nobody listens at port \(port)") }
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    deinit { close(socket) }

    /// Sends the text, and returns everything that comes until the server hangs up.
    func send(_ text: String, within limit: Duration = .seconds(60)) async throws -> String {
        try await begin(text)
        return try await rest(within: limit)
    }

    /// Sends the text as far as the server takes it.
    func begin(_ text: String) async throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                _ = try await thread.readiness(of: socket, for: .write, deadline: .now + .seconds(20))
            } else {
                return
            }
        }
    }

    /// What comes until the server hangs up; throws if it does not.
    func rest(within limit: Duration) async throws -> String {
        let deadline = ContinuousClock.now + limit
        var answer: [UInt8] = []
        while true {
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = recv(socket, &bytes, bytes.count, 0)
            if count > 0 {
                answer += bytes[..<count]
            } else if count < 0, errno == EAGAIN {
                do {
                    _ = try await thread.readiness(of: socket, for: .read, deadline: deadline)
                } catch {
                    throw Wrong("the server does not hang up after \(String(decoding: answer, as: UTF8.self))")
                }
            } else {
                return String(decoding: answer, as: UTF8.self)
            }
        }
    }
}
