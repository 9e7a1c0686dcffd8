import Runtime
import Testing

@testable import Gateway

@Suite struct `When a message came to the broker` {
    private let arrivals = ArrivalProperty(password: "secret")
    private let time = Timestamp(microseconds: 1_700_000_000_000_000)

    // The guard's tests have the same words: both must write them alike.
    @Test(arguments: [
        ("devices/d1/telemetry", "1700000000000:2741792a6954af4a"),
        ("devices/device-7/telemetry", "1700000000000:70bd3ccdc17be7c1"),
    ])
    func `is believed if the guard says so`(topic: String, said: String) {
        #expect(arrivals.time(in: said, topic: topic) == time)
    }

    @Test(arguments: [
        "1700000000000", "1700000000001:2741792a6954af4a", "1700000000000:2741792a6954af4b", "1700000000000:",
        ":2741792a6954af4a", "", "1700000000000:2741792a6954af4a:", "-1:0", "1700000000000:70bd3ccdc17be7c1",
    ])
    func `is not believed if anybody else does`(said: String) {
        #expect(arrivals.time(in: said, topic: "devices/d1/telemetry") == nil)
    }

    @Test func `is not believed of another topic, or by another password`() {
        let said = "1700000000000:2741792a6954af4a"
        #expect(arrivals.time(in: said, topic: "devices/d2/telemetry") == nil)
        #expect(ArrivalProperty(password: "Secret").time(in: said, topic: "devices/d1/telemetry") == nil)
    }
}
