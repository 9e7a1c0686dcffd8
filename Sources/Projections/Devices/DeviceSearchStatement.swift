import Runtime

/// The statements that find a page of devices: one for each order, over the narrow rows alone or with the view's own.
///
/// The narrow rows of `device_search` lead, where the question says something that they hold, and those of
/// `device_last_readings` where these are sorted by; the view's own rows follow by their ids. A statement names every
/// condition that may be asked for, and one whose parameter is null is not. It is not prepared but planned with its values
/// each time: what is not asked for folds away, and the rest decides which index is worth the way.
struct DeviceSearchStatement: Hashable, CaseIterable {
    let order: DeviceOrder
    /// Whether the view's own rows are looked at for more than the page.
    let isWide: Bool

    static let allCases = DeviceOrder.Key.allCases.flatMap { key in
        (DeviceOrder(by: key).isNarrow ? [false, true] : [true]).flatMap { isWide in
            [false, true].map {
                DeviceSearchStatement(order: DeviceOrder(by: key, isDescending: $0), isWide: isWide)
            }
        }
    }

    private static let statements = Dictionary(uniqueKeysWithValues: allCases.map { ($0, $0.composed) })

    var statement: Statement {
        guard let statement = Self.statements[self] else { preconditionFailure("\(self) has no statement") }
        return statement
    }

    private var composed: Statement {
        let way = "\(order.key.rawValue)_\(order.isDescending ? "descending" : "ascending")"
        return Statement.unprepared("search_devices_\(isWide ? "wide_" : "")by_\(way)", isWide ? joined : paged)
    }

    /// The page is chosen among the narrow rows, and no other of the view's is looked at.
    private var paged: String {
        """
        select \(DevicesProjection.columns)
        from (select * from \(found) where \(Self.narrow) and \(behind) \(sorted)) s
            join devices on \(Self.same) \(sorted)
        """
    }

    private var joined: String {
        """
        select \(DevicesProjection.columns) from \(found) join devices on \(Self.same)
        where \(Self.narrow) and \(Self.wide) and \(behind) \(sorted)
        """
    }

    private var found: String {
        order.key == .lastReading
            ? "\(Self.lastReadings) join \(Self.narrowRows) on s_generation = r_generation and s_id = r_id"
            : Self.narrowRows
    }

    private static let narrowRows = """
        device_search as s (
            s_generation, s_id, s_account, s_serial, s_name, s_type, s_registered_time, s_labels, s_place, s_place_name,
            s_words)
        """

    private static let lastReadings = "device_last_readings as r (r_generation, r_id, r_observed_time)"

    private static let same = "generation = s_generation and id = s_id"

    /// A box that crosses the date line is two.
    private static let narrow = """
        s_generation = case
            when $2::integer is null then (select live_generation from projections where name = 'devices') else $2
        end
        and ($3::text is null or s_account = $3)
        and ($4::text is null or s_words like '%' || lower($4) || '%')
        and ($5::text is null or s_labels @> $5::jsonb)
        and ($6::text is null or s_type = $6)
        and ($7::text is null or s_place_name like lower($7) || '%')
        and (
            $8::double precision is null
            or s_place <@ box(point($8, $10::double precision), point($9::double precision, $11::double precision))
            or $12::double precision is not null and s_place <@ box(point(-180, $10), point($12, $11)))
        """

    /// Of the past, flapping is judged by when it was.
    private static let wide = """
        ($14::text is null or connectivity ->> 'presence' = $14)
        and (
            not $15::boolean
            or connectivity ? 'flappingUntil' and (connectivity ->> 'flappingUntil')::timestamptz
                > case when $20::bigint is null then now() else (select recorded_time from events where position = $20) end)
        and (not $16::boolean or clock_drift is not null)
        and (
            $17::timestamptz is null
            or last_observed_hour <= reading_hour($17) and coalesce(last_observed_time < $17, true))
        and (
            $18::timestamptz is null or last_observed_hour >= reading_hour($18) and last_observed_time >= $18)
        and ($19::text is null or state = $19)
        """

    /// The number of the key that the page goes on from; nil where that is the id.
    var keyParameter: Int? { order.key == .id ? nil : isWide ? 21 : 14 }

    /// What comes after the place that the page goes on from.
    private var behind: String {
        let sign = order.isDescending ? "<" : ">"
        let key = "$\(keyParameter ?? 13)"
        let bounds =
            switch order.key {
            case .id: "$13"
            case .name: "lower(\(key)::text), $13"
            case .serial, .state: "\(key)::text, $13"
            case .registered: "\(key)::timestamptz, $13"
            case .lastReading: "coalesce(\(key)::timestamptz, '-infinity'), $13"
            }
        let behind = "($13::text is null or (\(keys.joined(separator: ", "))) \(sign) (\(bounds)))"
        // Where both tables are walked by id, both begin there.
        return isWide && order.key == .id ? behind + " and ($13 is null or id \(sign) $13)" : behind
    }

    private var sorted: String {
        let direction = order.isDescending ? " desc" : ""
        return "order by \(keys.map { $0 + direction }.joined(separator: ", ")) limit $1"
    }

    /// What an order sorts by; each has an index of its own.
    private var keys: [String] {
        switch order.key {
        case .id: ["s_id"]
        case .name: ["s_name", "s_id"]
        case .serial: ["s_serial", "s_id"]
        case .state: ["state", "id"]
        case .registered: ["s_registered_time", "s_id"]
        case .lastReading: ["r_observed_time", "r_id"]
        }
    }
}

extension DeviceOrder {
    /// Whether the narrow rows hold what the devices are sorted by.
    var isNarrow: Bool { key != .state }
}
