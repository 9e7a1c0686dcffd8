import CryptoExtras
import Foundation
import Testing

@testable import Gateway

@Suite struct `A device's key` {
    @Test func `is proven by itself, and by none of thousands of others`() throws {
        let key = DeviceKey.random()
        #expect(key.isProven(by: key.hash))
        #expect(!key.isProven(by: []) && !key.isProven(by: Array(key.hash.dropLast())))
        for _ in 0..<5_000 { #expect(!DeviceKey.random().isProven(by: key.hash)) }
    }

    @Test func `that was kept as PBKDF2 is proven by itself, and by none of hundreds of others`() throws {
        let (key, salt) = (DeviceKey.random(), Data("salt of twelve".utf8))
        let derived = try KDF.Insecure.PBKDF2.deriveKey(
            from: Data(key.text.utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: 1)
        let kept = derived.withUnsafeBytes { Data($0) }.base64EncodedString()
        let verifier = "$7$1$\(salt.base64EncodedString())$\(kept)"
        #expect(key.isProven(byVerifier: verifier))
        for _ in 0..<1_000 { #expect(!DeviceKey.random().isProven(byVerifier: verifier)) }
    }
}
