import Aggregates
import Runtime

/// The question for a page of devices, put together of what is asked for.
///
/// The narrow rows of `device_search` lead, where the question says something that they hold; the view's own rows follow
/// by their ids. It is planned with its values each time, since they decide which index is worth the way.
struct DeviceSearch {
    private let order: DeviceOrder
    /// What the narrow rows can say.
    private var narrow: [String] = []
    /// What only the view's rows can say.
    private var wide: [String] = []
    /// Where the view's rows begin.
    private var start: String?
    private var values: [PostgresValue]
    /// The present of what is asked.
    private var now = "now()"

    /// - Parameters:
    ///   - generation: the live one if nil.
    ///   - position: as of which it is, if it is not the live one.
    init(
        _ filter: DeviceFilter, scope: AccountScope, in order: DeviceOrder, after place: DevicePlace?, limit: Int,
        generation: Int32?, position: Int64? = nil
    ) {
        self.order = order
        values = [.int8(Int64(limit))]
        let wanted =
            generation.map { bind(.int4($0)) } ?? "(select live_generation from projections where name = 'devices')"
        narrow.append("s_generation = \(wanted)")
        if filter.connectivity == .flapping, let position {
            now = "(select recorded_time from events where position = \(bind(.int8(position))))"
        }
        add(scope)
        add(filter)
        if let place { add(place) }
    }

    var statement: BoundStatement {
        let direction = order.isDescending ? " desc" : ""
        let sorted = "order by " + keys.map { $0 + direction }.joined(separator: ", ") + " limit $1"
        let found = """
            device_search as s (
                s_generation, s_id, s_account, s_serial, s_name, s_type, s_registered_time, s_labels, s_place, s_place_name,
                s_words)
            """
        let same = "on generation = s_generation and id = s_id"
        let chosen = narrow.joined(separator: " and ")
        // Where the narrow rows say all of it, no other is looked at but those of the page.
        let sql =
            wide.isEmpty && isNarrow
            ? """
            select \(DevicesProjection.columns)
            from (select * from \(found) where \(chosen) \(sorted)) s join devices \(same) \(sorted)
            """
            : """
            select \(DevicesProjection.columns) from \(found) join devices \(same)
            where \((narrow + wide + (start.map { [$0] } ?? [])).joined(separator: " and ")) \(sorted)
            """
        return Statement.unprepared("search_devices", sql).bind(values)
    }

    private mutating func bind(_ value: PostgresValue) -> String {
        values.append(value)
        return "$\(values.count)"
    }

    private mutating func add(_ scope: AccountScope) {
        if case .only(let account) = scope { narrow.append("s_account = \(bind(.text(account.rawValue)))") }
    }

    private mutating func add(_ filter: DeviceFilter) {
        if let text = filter.text {
            narrow.append("s_words like '%' || lower(\(bind(.text(Self.escaped(text))))) || '%'")
        }
        if !filter.labels.isEmpty {
            narrow.append("s_labels @> \(bind(.text(ViewJSON.encode(filter.labels))))::text::jsonb")
        }
        if let type = filter.type { narrow.append("s_type = \(bind(.text(type.rawValue)))") }
        if let state = filter.state { wide.append("state = \(bind(.text(state.rawValue)))") }
        switch filter.connectivity {
        case nil: break
        case .flapping:
            wide.append("connectivity ? 'flappingUntil' and (connectivity ->> 'flappingUntil')::timestamptz > \(now)")
        case .unknown?, .online?, .offline?:
            wide.append("connectivity ->> 'presence' = \(bind(.text(filter.connectivity?.rawValue ?? "")))")
        }
        if filter.hasDrifted { wide.append("clock_drift is not null") }
        if let area = filter.area { add(area) }
        if let place = filter.place {
            narrow.append("s_place_name like lower(\(bind(.text(Self.escaped(place))))) || '%'")
        }
        if let time = filter.isSilentSince.map({ bind(.timestamp($0)) }) {
            wide.append(
                "last_observed_hour <= reading_hour(\(time)) and coalesce(last_observed_time < \(time), true)")
        }
        if let time = filter.hasReadingSince.map({ bind(.timestamp($0)) }) {
            wide.append("last_observed_hour >= reading_hour(\(time)) and last_observed_time >= \(time)")
        }
    }

    private mutating func add(_ area: GeographicArea) {
        let (south, north) = (bind(.float8(area.south)), bind(.float8(area.north)))
        func box(_ west: Double, _ east: Double) -> String {
            "s_place <@ box(point(\(bind(.float8(west))), \(south)), point(\(bind(.float8(east))), \(north)))"
        }
        narrow.append(
            area.west <= area.east
                ? box(area.west, area.east) : "(\(box(area.west, 180)) or \(box(-180, area.east)))")
    }

    private mutating func add(_ place: DevicePlace) {
        var bounds: [String] = []
        switch place.key {
        case .none: break
        case .text(let text):
            let key = bind(.text(text))
            bounds = [order.key == .name ? "lower(\(key))" : key]
        case .time(let time?):
            let key = bind(.timestamp(time))
            bounds = order.key == .lastReading ? ["reading_hour(\(key))", key] : [key]
        case .time(nil): bounds = ["reading_hour(null)", "timestamptz '-infinity'"]
        }
        bounds.append(bind(.text(place.id)))
        let sign = order.isDescending ? "<" : ">"
        let behind = "(\(keys.joined(separator: ", "))) \(sign) (\(bounds.joined(separator: ", ")))"
        if isNarrow { narrow.append(behind) } else { wide.append(behind) }
        // Where both tables are walked by id, both begin there.
        if order.key == .id { start = "id \(sign) $\(values.count)" }
    }

    /// Whether the narrow rows hold what the devices are sorted by.
    private var isNarrow: Bool { order.key != .lastReading && order.key != .state }

    /// What an order sorts by; each but the last reading has an index of its own.
    private var keys: [String] {
        switch order.key {
        case .id: ["s_id"]
        case .name: ["s_name", "s_id"]
        case .serial: ["s_serial", "s_id"]
        case .state: ["state", "s_id"]
        case .registered: ["s_registered_time", "s_id"]
        case .lastReading: ["last_observed_hour", "coalesce(last_observed_time, '-infinity')", "s_id"]
        }
    }

    /// A text in which nothing stands for something else in `like`.
    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
    }
}
