import Runtime

/// The minutes of an hour that the view's first definition has stored: each in a row of its own. They are read as long as
/// such hours are live, which may be for ever where telemetry has left the log.
struct EarlierMinutes: Decodable {
    /// JSON of them, or null where an hour has its minutes in it; `w` is the hour's row.
    static let column = """
        case when w.minutes is null then (
            select json_agg(
                json_build_array(
                    extract(epoch from m.start)::bigint,
                    json_build_array(
                        m.count, m.minimum, m.maximum, m.last, (extract(epoch from m.last_time) * 1000000)::bigint,
                        m.sum::text, m.squares::text, m.unsummed),
                    m.provisional)
                order by m.start)
            from telemetry_windows m
            where m.generation = w.generation and m.device = w.device and m.metric = w.metric and m.length = 60
                and m.start >= w.start and m.start < w.start + interval '1 hour' and m.account = w.account
        ) end
        """

    /// Those that are here to stay, and the others.
    private(set) var settled: [(start: Timestamp, summary: WindowSummary)] = []
    private(set) var provisional: [ProvisionalNumber] = []

    private struct Summary: Decodable {
        let summary: WindowSummary

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            let count = try list.decode(Int64.self)
            let numbers = (try list.decode(Double.self), try list.decode(Double.self), try list.decode(Double.self))
            let lastTime = Timestamp(microseconds: try list.decode(Int64.self))
            let sums = (try list.decode(String.self), try list.decode(String.self))
            guard let sum = Int128(sums.0), let squares = Int128(sums.1) else {
                throw DecodingError.dataCorruptedError(in: list, debugDescription: "not a sum of 128 bits")
            }
            summary = WindowSummary(
                count: count, minimum: numbers.0, maximum: numbers.1, last: numbers.2, lastTime: lastTime, sum: sum,
                squares: squares, unsummed: try list.decode(Int64.self))
        }
    }

    /// Numbers that may be dated anew, and what the others of their minute come to.
    private struct Provisional: Decodable {
        let settled: Summary?
        let all: [ProvisionalNumber]
    }

    init(from decoder: any Decoder) throws {
        var rows = try decoder.unkeyedContainer()
        while !rows.isAtEnd {
            var row = try rows.nestedUnkeyedContainer()
            let start = Timestamp(microseconds: try row.decode(Int64.self) * 1_000_000)
            let summary = try row.decode(Summary.self).summary
            guard let numbers = try row.decodeIfPresent(Provisional.self) else {
                settled.append((start, summary))
                continue
            }
            if let rest = numbers.settled?.summary { settled.append((start, rest)) }
            provisional += numbers.all
        }
        provisional.sort()
    }

    func packed(of hour: Timestamp) -> PackedMinutes {
        settled.reduce(into: PackedMinutes()) { minutes, minute in
            minutes.merge(
                minute.summary, intoMinute: PackedMinutes.Minute.number(of: minute.start, in: hour), of: hour)
        }
    }
}
