import Foundation
import Logging
import Synchronization
import Testing

@testable import Fleetlog

@Suite struct `A line of the log` {
    /// The lines that `body` logs, read back as JSON.
    private func lines(_ body: (inout Logger) -> Void) throws -> [[String: Any]] {
        let written = Lines()
        var logger = Logger(label: "fleetlog") { label in
            JSONLogHandler(label: label, level: .info) { bytes in written.add(bytes) }
        }
        body(&logger)
        return try written.all.map { bytes in
            #expect(bytes.last == UInt8(ascii: "\n"))
            #expect(bytes.filter { $0 == UInt8(ascii: "\n") }.count == 1)
            return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        }
    }

    private final class Lines: Sendable {
        private let written = Mutex<[[UInt8]]>([])
        func add(_ bytes: [UInt8]) { written.withLock { $0.append(bytes) } }
        var all: [[UInt8]] { written.withLock { $0 } }
    }

    @Test func `is one JSON object, whatever is logged`() throws {
        let logged = try lines { logger in
            logger.warning("something\nodd \"here\"", metadata: ["reason": "a\nb", "count": "3"])
            logger.debug("not shown")
        }
        #expect(logged.count == 1)
        #expect(logged.first?["level"] as? String == "warning")
        #expect(logged.first?["message"] as? String == "something\nodd \"here\"")
        #expect((logged.first?["metadata"] as? [String: String])?["reason"] == "a\nb")
    }

    @Test(arguments: ["password", "apiKey", "token", "Authorization"])
    func `never shows what stands under the name of a secret`(_ key: String) throws {
        let logged = try lines { logger in logger.info("hello", metadata: [key: "hunter2"]) }
        #expect(!"\(logged)".contains("hunter2"))
    }
}
