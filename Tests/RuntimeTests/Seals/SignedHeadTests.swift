import Foundation
import Testing

@testable import Runtime

@Suite struct `A signed head` {
    private static let root = TreeHash.leaf(Array("root".utf8))
    private static let time = Timestamp(microseconds: 1_700_000_000_123_456)

    private static func key(_ byte: UInt8) throws -> SealKey {
        try SealKey(name: "fleetlog-test", seed: Array(repeating: byte, count: 32))
    }

    @Test func `reads as it was written, and is signed by its keys only`() throws {
        let (one, other, stranger) = (try Self.key(1), try Self.key(2), try Self.key(3))
        let head = try SignedHead(size: 42, root: Self.root, time: Self.time, signedBy: [one, other])
        let read = try SignedHead(head.note)
        #expect(read == head)
        #expect((read.size, read.root, read.time) == (42, Self.root, Self.time))
        #expect(read.keys == [one.verifier, other.verifier])
        #expect(read.isSigned(byOneOf: [one.verifier]))
        #expect(read.isSigned(byOneOf: [stranger.verifier, other.verifier]))
        #expect(!read.isSigned(byOneOf: [stranger.verifier]))
        #expect(!read.isSigned(byOneOf: []))
    }

    @Test func `is no longer signed when a character of its text is another`() throws {
        let key = try Self.key(1)
        let head = try SignedHead(size: 42, root: Self.root, time: Self.time, signedBy: [key])
        let larger = try SignedHead(head.note.replacing("\n42\n", with: "\n43\n"))
        #expect(larger.size == 43)
        #expect(!larger.isSigned(byOneOf: [key.verifier]))
        let renamed = try SignedHead(head.note.replacing("fleetlog-test\n42", with: "another\n42"))
        #expect(!renamed.isSigned(byOneOf: [key.verifier]))
    }

    @Test func `is a signed note as Go's verifier takes it`() throws {
        let key = try SealKey(
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
        #expect("\(key.verifier)" == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        let text = """
            If you think cryptography is the answer to your problem,
            then you don't know what your problem is.

            """
        let signature = try key.signature(of: text)
        #expect(key.verifier.verifies(signature, of: text))
        // As the documentation of Go's package has it, behind the four bytes of the key's hash.
        let known = try #require(
            Data(
                base64Encoded:
                    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="))
        #expect(key.verifier.verifies(Array(known.dropFirst(4)), of: text))
    }

    @Test func `and its keys are refused, with a reason that shows no secret, when they are malformed`() throws {
        let note = try SignedHead(size: 1, root: Self.root, time: Self.time, signedBy: [Self.key(1)]).note
        for text in [
            "", "\n\n", "a\n1\n\n", note.replacing("\n1\n", with: "\n01\n"), note.replacing("\n1\n", with: "\n-1\n"),
            note.replacing("time ", with: "date "), note.replacing("— ", with: "- "),
            String(note.prefix(note.count - 10)), note.replacing("\n\n", with: "\n"),
        ] {
            #expect(throws: SealError.self) { try SignedHead(text) }
        }
        let secret = try Self.key(1).secretText
        for text in ["", "PRIVATE+KEY+", secret.replacing("fleetlog", with: "fleetlop"), String(secret.dropLast(4))] {
            do throws(SealError) {
                _ = try SealKey(text)
                Issue.record("it was taken")
            } catch {
                #expect(!"\(error)".contains("AQEB"))
            }
        }
        #expect(!"\(try Self.key(1))".contains(secret.suffix(20)))
        #expect(throws: SealError.self) { try SealKey(name: "a b", seed: Array(repeating: 1, count: 32)) }
        #expect(throws: SealError.self) { try SealVerifier("a+00000000+AQ==") }
    }
}
