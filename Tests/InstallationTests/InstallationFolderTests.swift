import Foundation
import Installation
import Support
import Testing

@Suite struct `An installation's folder` {
    @Test func `belongs to one at a time`() throws {
        let path = try ThrowawayFolder.make() + "/.fleetlog"
        let first = try InstallationFolder(taking: path)
        #expect(throws: InstallationError.folderInUse(folder: first.path, pid: "\(getpid())")) {
            try InstallationFolder(taking: path)
        }
        _ = consume first
        _ = try InstallationFolder(taking: path)
    }

    @Test func `is free again though a program that is being started still shares its lock`() throws {
        let path = try ThrowawayFolder.make() + "/.fleetlog"
        let first = try InstallationFolder(taking: path)
        let shared = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").first {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == first.path + "/lock"
        }
        let copy = dup(try #require(shared.flatMap { CInt($0) }))
        defer { close(copy) }
        _ = consume first
        _ = try InstallationFolder(taking: path)
    }

    @Test func `that cannot be made is refused by name`() {
        #expect(throws: InstallationError.self) { try InstallationFolder(taking: "/proc/nowhere") }
    }
}

@Suite struct `A port` {
    @Test func `that is free passes`() throws {
        try PortCheck(try freePort(), for: "HTTP", flag: "--http-port", variable: "FLEETLOG_HTTP_PORT").check()
    }

    @Test(arguments: [0, 65_536, -1]) func `that is none is refused`(number: Int) {
        #expect(throws: InstallationError.self) {
            try PortCheck(number, for: "HTTP", flag: "--http-port", variable: "FLEETLOG_HTTP_PORT").check()
        }
    }
}

@Suite struct `A missing program` {
    @Test func `is refused by name of its package`() {
        #expect(throws: InstallationError.programMissing(program: "mosquitto", package: "mosquitto")) {
            try Programs.mosquitto(searching: ["/nowhere"])
        }
        #expect(throws: InstallationError.programMissing(program: "Postgres 15 or newer", package: "postgresql")) {
            try Programs.postgres(under: "/nowhere")
        }
    }
}
