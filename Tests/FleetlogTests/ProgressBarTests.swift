import Testing

@testable import Fleetlog

@Suite struct `The bar of long work` {
    @Test func `says how fast it is, and how long the rest takes`() {
        let pace = ProgressBar.Pace(of: 50, 200, in: .seconds(10))
        #expect(
            ProgressBar.text("check", 50, 200, pace)
                == "check [#######.......................] 25 %  50/200  5/s  30 s left")
    }

    @Test func `goes by the pace of the work itself where that was begun before`() {
        // The rate of the bar's own second would be 900.
        let pace = ProgressBar.Pace(rate: 20, secondsLeft: 7.5)
        #expect(
            ProgressBar.text("replay devices", 900, 1_000, pace)
                == "replay devices [###########################...] 90 %  900/1000  20/s  7 s left")
    }

    @Test func `says nothing of the rest as long as nothing is known of it`() {
        #expect(
            ProgressBar.text("replay devices", 0, 10, ProgressBar.Pace(rate: 0, secondsLeft: nil))
                == "replay devices [..............................] 0 %  0/10  0/s")
        #expect(ProgressBar.Pace(of: 0, 10, in: .seconds(1)).secondsLeft == nil)
    }
}
