import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
    /// The whole body, at most `limit` bytes, within `time`.
    ///
    /// - Throws: 413 or 408; the connection should then be closed.
    func wholeBody(atMost limit: Int, within time: Duration) async throws(Problem) -> [UInt8] {
        let isAnnounced = headers[.transferEncoding] != nil || headers[.contentLength].map { $0 != "0" } ?? false
        guard isAnnounced else { return [] }
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit { throw .tooLarge(limit: limit) }
        let outcome = await withTaskGroup(of: Result<[UInt8], Problem>.self) { group in
            group.addTask { await self.collected(atMost: limit) }
            group.addTask {
                try? await Task.sleep(for: time)
                return .failure(.slowBody)
            }
            let first = await group.next() ?? .failure(.slowBody)
            group.cancelAll()
            return first
        }
        return try outcome.get()
    }

    private func collected(atMost limit: Int) async -> Result<[UInt8], Problem> {
        var bytes: [UInt8] = []
        do {
            for try await buffer in body {
                guard bytes.count + buffer.readableBytes <= limit else { return .failure(.tooLarge(limit: limit)) }
                bytes += buffer.readableBytesView
            }
            return .success(bytes)
        } catch {
            return .failure(.malformed(nil, "The body ended too early."))
        }
    }
}
