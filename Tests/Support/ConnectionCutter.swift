import Foundation
import Synchronization

/// Stands between clients and a Postgres, and cuts connections somewhere in the midst.
package final class ConnectionCutter: Sendable {
    /// Where a connection ends.
    package enum Cut: Sendable, Hashable {
        /// When so many bytes of requests have passed.
        case request(Int)
        /// When so many bytes of answers have passed.
        case answer(Int)
        /// When the answer to so many commits would have come: all of them have been carried out.
        case commit(Int)
        case never
    }

    /// Where clients find the socket.
    package let folder: String
    private let target: String
    private let listener: CInt
    private let choose: @Sendable () -> Cut
    private let cuts = Mutex<[Cut]>([])

    /// - Parameters:
    ///   - socketFolder: where Postgres has its socket.
    ///   - folder: lies in a `ThrowawayFolder`.
    ///   - choose: asked for each new connection.
    package init(to socketFolder: String, in folder: String, choosing choose: @escaping @Sendable () -> Cut) throws {
        self.folder = folder
        self.choose = choose
        target = socketFolder + "/.s.PGSQL.5432"
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(folder + "/.s.PGSQL.5432")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 64) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        let thread = Thread { [self] in accept() }
        thread.start()
    }

    /// The connections that were cut, and where.
    package var made: [Cut] { cuts.withLock { $0 } }

    /// Lets no new connection in; those that there are go on.
    package func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.address(target)
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            let thread = Thread { [self] in
                if connected == 0 {
                    var carrier = Carrier(client: client, server: server, cut: choose())
                    if let cut = carrier.carry() { cuts.withLock { $0.append(cut) } }
                }
                Glibc.close(client)
                Glibc.close(server)
            }
            thread.start()
        }
        Glibc.close(listener)
    }

    private static func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return address
    }
}

/// One connection through the cutter.
private struct Carrier {
    let client: CInt
    let server: CInt
    let cut: ConnectionCutter.Cut
    private var (requests, answers, commits) = (0, 0, 0)
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    init(client: CInt, server: CInt, cut: ConnectionCutter.Cut) {
        self.client = client
        self.server = server
        self.cut = cut
    }

    /// Returns where it was cut; nil if either side ended it.
    mutating func carry() -> ConnectionCutter.Cut? {
        while true {
            var ready = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ready, 2, -1) > 0 else { return nil }
            if ready[0].revents != 0 {
                let count = read(client, &buffer, buffer.count)
                guard count > 0 else { return nil }
                if case .request(let limit) = cut, requests + count >= limit {
                    _ = write(buffer[..<max(0, limit - requests)], to: server)
                    return cut
                }
                commits += Self.commits(in: buffer[..<count])
                requests += count
                guard write(buffer[..<count], to: server) else { return nil }
            }
            if ready[1].revents != 0 {
                let count = read(server, &buffer, buffer.count)
                guard count > 0 else { return nil }
                switch cut {
                case .answer(let limit) where answers + count >= limit:
                    _ = write(buffer[..<max(0, limit - answers)], to: client)
                    return cut
                case .commit(let limit) where commits >= limit: return cut
                case .request, .answer, .commit, .never: break
                }
                answers += count
                guard write(buffer[..<count], to: client) else { return nil }
            }
        }
    }

    private static func commits(in bytes: ArraySlice<UInt8>) -> Int {
        bytes.split(separator: 0).count { $0.elementsEqual("commit".utf8) }
    }

    private func write(_ bytes: ArraySlice<UInt8>, to socket: CInt) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            // Without the signal that a peer's end would send.
            let sent = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}
