import Testing

@testable import Projections

@Suite struct `The bytes of rows that a rebuild stores` {
    @Test func `are added up as long as the chunks are of one stream`() {
        var bytes = StoredBytes()
        #expect(bytes.add(10, from: "a", to: "a") == 10)
        #expect(bytes.add(20, from: "a", to: "a") == 30)
        // What of this chunk is still of the first stream is not known.
        #expect(bytes.add(5, from: "a", to: "c") == 35)
        #expect(bytes.add(7, from: "c", to: "c") == 12)
    }

    @Test func `begin anew with another stream`() {
        var bytes = StoredBytes()
        #expect(bytes.add(10, from: "a", to: "b") == 10)
        #expect(bytes.add(20, from: "c", to: "d") == 20)
        #expect(bytes.add(30, from: "d", to: "e") == 50)
        #expect(bytes.add(40, from: "e", to: "f") == 70)
    }
}
