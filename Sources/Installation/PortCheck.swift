import Foundation

/// A port that a server of ours is going to open, and how a user chooses another one.
package struct PortCheck: Sendable, Equatable {
    package let number: Int
    let address: String
    let purpose: String
    let flag: String
    let variable: String

    /// `PortCheck(8080, for: "HTTP", flag: "--http-port", variable: "FLEETLOG_HTTP_PORT")`
    package init(_ number: Int, at address: String = "127.0.0.1", for purpose: String, flag: String, variable: String) {
        self.number = number
        self.address = address
        self.purpose = purpose
        self.flag = flag
        self.variable = variable
    }

    /// The same listener at another port.
    func with(_ number: Int) -> PortCheck {
        PortCheck(number, at: address, for: purpose, flag: flag, variable: variable)
    }

    /// Throws if nobody could listen there now.
    package func check() throws(InstallationError) {
        guard let port = UInt16(exactly: number), port > 0 else {
            throw refused("ports are numbers from 1 to 65535")
        }
        do throws(SocketError) {
            close(try Self.listen(on: port, at: address))
        } catch {
            guard error.code != EADDRINUSE else {
                throw .portInUse(number: number, purpose: purpose, flag: flag, variable: variable)
            }
            throw refused(error.reason)
        }
    }

    /// A port of the loopback interface that is free now.
    package static func freePort() throws(InstallationError) -> Int {
        do throws(SocketError) {
            let socket = try listen(on: 0, at: "127.0.0.1")
            defer { close(socket) }
            var bound = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutableBytes(of: &bound) {
                getsockname(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            guard status == 0 else { throw SocketError(code: errno) }
            return Int(UInt16(bigEndian: bound.sin_port))
        } catch {
            throw .fileFailed(path: "127.0.0.1", reason: error.reason)
        }
    }

    /// Whether somebody accepts connections there.
    static func answers(_ port: Int, at address: String) -> Bool {
        guard let port = UInt16(exactly: port), let (socket, name) = try? open(port, address) else { return false }
        defer { close(socket) }
        return withSocketAddress(name) { connect(socket, $0, $1) } == 0
    }

    private func refused(_ reason: String) -> InstallationError {
        .portRefused(number: number, purpose: purpose, flag: flag, variable: variable, reason: reason)
    }

    private static func listen(on port: UInt16, at address: String) throws(SocketError) -> CInt {
        let (socket, name) = try open(port, address)
        var yes: CInt = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        guard withSocketAddress(name, { bind(socket, $0, $1) }) == 0, Foundation.listen(socket, 1) == 0 else {
            let reason = SocketError(code: errno)
            close(socket)
            throw reason
        }
        return socket
    }

    private static func open(_ port: UInt16, _ address: String) throws(SocketError) -> (CInt, sockaddr_in) {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else { throw SocketError(code: EADDRNOTAVAIL) }
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let socket = socket(AF_INET, kind, 0)
        guard socket >= 0 else { throw SocketError(code: errno) }
        return (socket, name)
    }
}

private func withSocketAddress(
    _ name: sockaddr_in, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> CInt
) -> CInt {
    withUnsafeBytes(of: name) {
        body($0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
}

private struct SocketError: Error {
    let code: CInt
    var reason: String { String(cString: strerror(code)) }
}
