import Foundation
import Glibc

/// A connection to an HTTP server by plain sockets, blocking: one request after the other.
struct PlainRequests: ~Copyable {
    private let socket: Int32
    private let port: Int
    private let token: String

    init(to gateway: ServedGateway) throws {
        (port, token) = (gateway.port, gateway.token)
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let handle = socket
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard isConnected else { throw BenchmarkFailed("the server takes no connection") }
    }

    deinit { close(socket) }

    /// Gets what is at `path`, which must be there, to its last byte.
    func get(_ path: String) throws {
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(token)\r\n\r\n"
        guard write(socket, request, request.utf8.count) == request.utf8.count else {
            throw BenchmarkFailed("the server takes no request")
        }
        var answer: [UInt8] = []
        var end: Int?
        while end.map({ answer.count < $0 }) ?? true {
            let count = try read(&answer)
            guard count > 0 else { throw BenchmarkFailed("the server ends an answer to \(path)") }
            if end == nil { end = try Self.end(of: answer, path) }
        }
    }

    private func read(_ answer: inout [UInt8]) throws -> Int {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            let count = Glibc.read(socket, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw BenchmarkFailed("the connection broke: errno \(errno)") }
            answer += buffer[..<count]
            return count
        }
    }

    /// How many bytes it will be; nil if the header is not whole yet.
    private static func end(of answer: [UInt8], _ path: String) throws -> Int? {
        guard let blank = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let header = String(decoding: answer[..<blank.lowerBound], as: UTF8.self).lowercased()
        guard header.hasPrefix("http/1.1 200 ") else {
            throw BenchmarkFailed("\(path): \(String(decoding: answer, as: UTF8.self))")
        }
        let field = header.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        guard let length = field.flatMap({ Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }) else {
            throw BenchmarkFailed("\(path): the answer does not say how long it is")
        }
        return blank.upperBound + length
    }
}
