import Runtime
import Testing

@Suite struct `A disk forecast` {
    private let start = Timestamp(microseconds: 1_795_000_000_000_000)

    @Test func `needs ten minutes to go by`() {
        var forecast = DiskForecast()
        forecast.note(1_000, at: start)
        forecast.note(2_000, at: start + .seconds(599))
        #expect(forecast.bytesPerDay == nil)
        #expect(forecast.days(free: 10, reserve: 0) == nil)
        #expect(forecast.days(free: 10, reserve: 10) == 0)
    }

    @Test func `divides what is left above the reserve by the growth of the last day`() {
        var forecast = DiskForecast()
        forecast.note(0, at: start)
        for hour in 1...48 { forecast.note(Int64(hour) * 1_000, at: start + .seconds(hour * 3_600)) }
        #expect(forecast.bytesPerDay == 24_000)
        #expect(forecast.days(free: 100_000, reserve: 28_000) == 3)
        #expect(forecast.days(free: 27_000, reserve: 28_000) == 0)
        // After two days of growth it has been shrinking for one: the days before count no more.
        for hour in 49...72 { forecast.note(Int64(96 - hour) * 1_000, at: start + .seconds(hour * 3_600)) }
        #expect(forecast.bytesPerDay == -24_000)
        #expect(forecast.days(free: 100_000, reserve: 28_000) == DiskForecast.horizon)
    }
}
