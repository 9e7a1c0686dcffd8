import Foundation
import Runtime
import Synchronization

/// A webhook receiver in this process that does next to nothing: a thread a connection, and an empty answer. What is
/// sent to `/hang` is never answered.
final class Receiver: Sendable {
    let port: Int
    private let listener: Int32
    private let count = Atomic(0)
    private static let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let opened = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 512) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard opened else { throw BenchmarkFailed("the receiver cannot listen") }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard SystemThread.start(name: "receiver", { self.accept() }) else {
            throw BenchmarkFailed("there is no thread for the receiver")
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    /// Requests answered so far.
    var answered: Int { count.load(ordering: .relaxed) }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func accept() {
        while case let client = Foundation.accept(listener, nil, nil), client >= 0 {
            if !SystemThread.start(name: "receiver", { self.serve(client) }) { close(client) }
        }
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var buffer = [UInt8](repeating: 0, count: 16_384)
        var input: [UInt8] = []
        while case let size = recv(client, &buffer, buffer.count, 0), size > 0 {
            input += buffer[..<size]
            while let length = Self.request(in: input) {
                if input.starts(with: "POST /hang".utf8) {
                    input.removeFirst(length)
                    continue
                }
                input.removeFirst(length)
                count.add(1, ordering: .relaxed)
                guard send(client, Self.answer, Self.answer.count, Int32(MSG_NOSIGNAL)) > 0 else { return }
            }
        }
    }

    /// The size of the first whole request.
    private static func request(in input: [UInt8]) -> Int? {
        guard let end = input.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound,
            let field = input[..<end].firstRange(of: Array("Content-Length: ".utf8))?.upperBound
        else { return nil }
        let digits = input[field...].prefix { $0 != UInt8(ascii: "\r") }
        let length = end + digits.reduce(0) { $0 * 10 + Int($1) - 48 }
        return input.count >= length ? length : nil
    }
}
