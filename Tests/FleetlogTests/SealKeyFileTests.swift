import Foundation
import Runtime
import Support
import Testing

@testable import Fleetlog

@Suite struct `The file of seal keys` {
    private static func with(_ body: (SealKeyFile) throws -> Void) throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let file = SealKeyFile(path: folder + "/seal.key")
        try file.create()
        try body(file)
    }

    private static func publicLines(_ file: SealKeyFile) throws -> [String] {
        try String(contentsOfFile: file.publicPath, encoding: .utf8).split(whereSeparator: \.isNewline).map(String.init)
    }

    @Test func `puts a new key in force beside the one before, under the same name`() throws {
        try Self.with { file in
            let old = try file.keys()[0]
            try file.rotate(dropsOld: false)
            let keys = try file.keys()
            #expect(keys.count == 2 && keys[1].verifier == old.verifier && keys[0].verifier != old.verifier)
            #expect(keys[0].name == old.name)
            #expect(try Self.publicLines(file) == keys.map { "\($0.verifier)" })
        }
    }

    @Test func `keeps no more than the one before`() throws {
        try Self.with { file in
            let first = try file.keys()[0]
            try file.rotate(dropsOld: false)
            try file.rotate(dropsOld: false)
            #expect(try file.keys().count == 2 && !file.keys().map(\.verifier).contains(first.verifier))
        }
    }

    @Test func `drops a key that somebody else may know, so that it signs nothing more`() throws {
        try Self.with { file in
            let old = try file.keys()[0]
            try file.rotate(dropsOld: true)
            let keys = try file.keys()
            #expect(keys.count == 1 && keys[0].verifier != old.verifier)
            #expect(try Self.publicLines(file) == ["\(keys[0].verifier)"])
        }
    }

    @Test func `can be read by nobody but its owner, also after a rotation`() throws {
        try Self.with { file in
            func permissions() throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            }
            #expect(try permissions() == 0o600)
            try file.rotate(dropsOld: false)
            #expect(try permissions() == 0o600)
        }
    }
}
