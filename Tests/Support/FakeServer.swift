package import Foundation

/// A small HTTP server of one test: a thread a connection, bodies by Content-Length only.
package final class FakeServer: Sendable {
    package struct Request: Sendable {
        package var method: String
        package var path: String
        package var query: [String: String]
        package var headers: [String: String]
        package var body: Data
    }

    package struct Answer: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: String

        package init(status: Int = 200, headers: [String: String] = [:], body: String = "{}") {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    package let url: URL
    private let listener: Int32
    private let handler: @Sendable (Request) -> Answer?

    /// - Parameter handler: returns nil to end the connection instead of answering.
    package init(_ handler: @escaping @Sendable (Request) -> Answer?) throws {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let opened = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard opened, let url = URL(string: "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))") else {
            throw CocoaError(.fileReadUnknown)
        }
        self.url = url
        let serve = Self.serve
        Thread.detachNewThread {
            while case let client = accept(listener, nil, nil), client >= 0 {
                Thread.detachNewThread { serve(client, handler) }
            }
        }
    }

    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    @Sendable private static func serve(_ client: Int32, _ handler: @Sendable (Request) -> Answer?) {
        defer { close(client) }
        var input = Data()
        while let request = next(&input, from: client) {
            guard let answer = handler(request) else { return }
            var head = "HTTP/1.1 \(answer.status) X\r\nContent-Type: application/json\r\n"
            head += "Content-Length: \(answer.body.utf8.count)\r\n"
            for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
            let bytes = Array((head + "\r\n" + answer.body).utf8)
            guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
        }
    }

    private static func next(_ input: inout Data, from client: Int32) -> Request? {
        while true {
            if let end = input.range(of: Data("\r\n\r\n".utf8)) {
                let lines = String(decoding: input[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let fields = lines.dropFirst().map { $0.split(separator: ":", maxSplits: 1) }
                let headers = Dictionary(
                    fields.map { ($0[0].lowercased(), $0[1].trimmingCharacters(in: .whitespaces)) },
                    uniquingKeysWith: { $1 })
                let length = headers["content-length"].flatMap(Int.init) ?? 0
                if input.count >= end.upperBound - input.startIndex + length {
                    let words = lines[0].split(separator: " ").map(String.init)
                    let target = URLComponents(string: words[1])
                    let body = Data(input[end.upperBound..<end.upperBound + length])
                    input = Data(input[(end.upperBound + length)...])
                    let items = (target?.queryItems ?? []).map { ($0.name, $0.value ?? "") }
                    return Request(
                        method: words[0], path: target?.path ?? "", query: Dictionary(items, uniquingKeysWith: { $1 }),
                        headers: headers, body: body)
                }
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            input.append(contentsOf: buffer[..<count])
        }
    }
}
