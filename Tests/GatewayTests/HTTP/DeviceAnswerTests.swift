import Foundation
import Projections
import Support
import Testing

@testable import Gateway

@Suite struct `The JSON of devices` {
    @Test(arguments: 1...20) func `is written by hand as Foundation writes it`(_ seed: UInt64) throws {
        var random = SeededNumbers(seed)
        var written: Set<String> = []
        for number in 0..<100 {
            var device = DeviceAnswer(try .random(number, using: &random))
            if Bool.random(using: &random) { device.apiKey = "k/\(number)" }
            if Bool.random(using: &random) { device.stuckPosition = Int64(number) }
            written.formUnion(try names(in: device))
            let list = ListAnswer(items: [device, device], next: Bool.random(using: &random) ? "next\"" : nil)
            #expect(
                String(decoding: try JSONEncoder.answers.bytes(of: device), as: UTF8.self)
                    == String(decoding: try JSONEncoder.answers.encode(device), as: UTF8.self))
            #expect(
                String(decoding: try JSONEncoder.answers.bytes(of: list), as: UTF8.self)
                    == String(decoding: try JSONEncoder.answers.encode(list), as: UTF8.self))
        }
        // A member that is never set would be compared with nothing.
        let members = Mirror(reflecting: DeviceAnswer(try .random(0, using: &random))).children.compactMap(\.label)
        #expect(Set(members) == written)
        let none = ListAnswer<DeviceAnswer>(items: [], next: nil)
        #expect(try JSONEncoder.answers.bytes(of: none) == Array(#"{"items":[],"next":null}"#.utf8))
    }

    private func names(in device: DeviceAnswer) throws -> Dictionary<String, Any>.Keys {
        try #require(JSONSerialization.jsonObject(with: JSONEncoder.answers.encode(device)) as? [String: Any]).keys
    }
}
