import Foundation
import Support

/// A receiver at several addresses of this machine, and names for them that the server under test looks up as any other.
///
/// The names are in a hosts file of the test's own, which `libnss_wrapper.so` puts in the place of the machine's; the
/// server's own look-up is left as it is.
struct NamedReceiver: Sendable {
    private let receiver: ReceiverProcess
    private let hostsPath: String

    /// - Parameter addresses: where it listens; an address of version 6 is left out on a machine without.
    init(at addresses: [String], hostsFile: String) async throws {
        receiver = try await ReceiverProcess("addresses.py", addresses)
        hostsPath = hostsFile
    }

    func url(_ name: String, path: String = "ok") -> String { "http://\(name):\(receiver.port)/\(path)" }

    /// What each name stands for from now on, its addresses in the order in which they are answered.
    func name(_ names: KeyValuePairs<String, [String]>) throws {
        let lines = names.flatMap { name, addresses in addresses.map { "\($0) \(name)\n" } }
        try lines.joined().write(toFile: hostsPath, atomically: true, encoding: .utf8)
    }

    /// For the server that is to go by these names.
    var environment: [String: String] { ["LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": hostsPath] }

    /// The addresses that were connected to, whether anything was sent there or not.
    var connected: Set<String> { Set(receiver.received.compactMap { $0["connection"] as? String }) }

    /// The address that each request came to, by the name that it was sent to.
    var requests: [String: [String]] {
        Dictionary(
            grouping: receiver.received.filter { $0["request"] != nil },
            by: { ($0["host"] as? String ?? "").split(separator: ":").first.map(String.init) ?? "" }
        ).mapValues { $0.compactMap { $0["request"] as? String } }
    }
}
