import Runtime
import Testing

@Suite struct `A failpoint` {
    @Test(arguments: Failpoint.allCases) func `is named with the time to die at, or without for the first`(
        _ point: Failpoint
    ) throws {
        let (first, third) = (ArmedFailpoint(point.rawValue), ArmedFailpoint(point.rawValue + ":3"))
        #expect(first?.point == point && first?.count == 1)
        #expect(third?.point == point && third?.count == 3)
    }

    @Test(arguments: [
        "", "elsewhere", "TurnDecided", "turnDecided:", "turnDecided:0", "turnDecided:-1", "turnDecided:+1",
        "turnDecided:1:1", "turnDecided 1", "turnDecided:99999999999999999999", ":1",
    ]) func `is not read from anything else`(_ text: String) { #expect(ArmedFailpoint(text) == nil) }

    @Test func `that is not armed lets everybody pass`() {
        for point in Failpoint.allCases { Failpoint.reached(point) }
    }
}
